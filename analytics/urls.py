from django.urls import path

from analytics.views import overview, queue, report

app_name = "analytics"
urlpatterns = [
    path("", overview.overview, name="overview"),
    path("settings/queue", queue.queue, name="queue"),
    path("campaigns/<int:pk>/report/live", report.report, name="report"),
    path("campaigns/<int:pk>/report.csv", report.export, name="export"),
]
