from django.urls import path

from campaigns.views import listing, sending, writing

app_name = "campaigns"
urlpatterns = [
    path("campaigns", listing.campaigns, name="list"),
    path("campaigns/new", listing.new, name="new"),
    path("campaigns/<int:pk>/duplicate", listing.duplicate, name="duplicate"),
    path("campaigns/<int:pk>/again", listing.send_again, name="again"),
    path("campaigns/<int:pk>/delete", listing.delete, name="delete"),
    path("campaigns/<int:pk>/write", writing.write, name="write"),
    path("campaigns/<int:pk>/starter", writing.use_starter, name="starter"),
    path("campaigns/<int:pk>/text", writing.automatic_text, name="text"),
    path("campaigns/<int:pk>/preview", writing.preview, name="preview"),
    path("campaigns/<int:pk>/letter", writing.letter, name="letter"),
    path("campaigns/<int:pk>/audience", sending.choose, name="audience"),
    path("campaigns/<int:pk>/funnel", sending.funnel, name="funnel"),
    path("campaigns/<int:pk>/send", sending.check, name="send"),
    path("campaigns/<int:pk>/accept", sending.accept, name="accept"),
    path("campaigns/<int:pk>/route", sending.choose_route, name="route"),
    path("campaigns/<int:pk>/give-up", sending.choose_give_up, name="give_up"),
    path("campaigns/<int:pk>/wave", sending.choose_wave, name="wave"),
    path("campaigns/<int:pk>/schedule", sending.schedule, name="schedule"),
    path("campaigns/<int:pk>/undo", sending.undo, name="undo"),
    path("campaigns/<int:pk>/start", sending.start_now, name="start"),
    path("campaigns/<int:pk>/pause", sending.pause, name="pause"),
    path("campaigns/<int:pk>/resume", sending.resume, name="resume"),
    path("campaigns/<int:pk>/go-on", sending.go_on, name="go_on"),
    path("campaigns/<int:pk>/stop", sending.stop, name="stop"),
    path("campaigns/<int:pk>/test", sending.send_test, name="test"),
    path("campaigns/<int:pk>/tests", sending.tests, name="tests"),
    path("campaigns/<int:pk>/report", sending.report, name="report"),
]
