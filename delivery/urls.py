from django.urls import path

from delivery import public_views
from delivery.views import helping, incoming, mailbox, messages, settings, warmups

app_name = "delivery"
# What links in sent mail reach: short, since they stand in every message. The own host of a sending domain has no more.
readers = [
    path("o/<str:token>", public_views.open_pixel, name="open"),
    path("c/<str:token>/<int:number>", public_views.click, name="click"),
    path("u/test", public_views.test_link, name="unsubscribe_test"),
    path("p/test", public_views.test_link, name="preferences_test"),
    path("v/test", public_views.test_link, name="view_test"),
    path("u/<str:token>", public_views.unsubscribe, name="unsubscribe"),
    path("u/<str:token>/done", public_views.unsubscribed, name="unsubscribed"),
    path("p/<str:token>", public_views.preferences, name="preferences"),
    path("v/<str:token>", public_views.view_in_browser, name="view"),
    path("tracking-proof/<slug:nonce>", public_views.host_proof, name="host_proof"),
]
urlpatterns = [
    *readers,
    path("tracking-host", public_views.host_known, name="host_known"),
    path("sandbox", mailbox.sandbox, name="sandbox"),
    path("sandbox/<int:pk>", mailbox.sandbox, name="sandbox_mail"),
    path("sandbox/<int:pk>/letter", mailbox.letter, name="sandbox_letter"),
    path("sandbox/<int:pk>/complain", mailbox.complain, name="sandbox_complain"),
    path("help/delivery", helping.guide, name="help"),
    path("help/delivery/<slug:cause>", helping.cause, name="help_cause"),
    path("messages/<int:pk>", messages.message, name="message"),
    path("messages/<int:pk>/copy", messages.copy, name="copy"),
    path("mailings/<int:pk>/people", messages.list_people, name="people"),
    path("mailings/<int:pk>/people.csv", messages.export_people, name="export_people"),
    path("mailings/<int:pk>/decide", messages.decide, name="decide"),
    path("mailings/<int:pk>/replies", messages.list_replies, name="replies"),
    path("health/reports", incoming.list_reports, name="reports"),
    path("health/reports/<int:pk>", incoming.report, name="report"),
    path("health/held", incoming.held_stops, name="held_stops"),
    path("settings/domains", settings.list_domains, name="domains"),
    path("settings/domains/<int:pk>", settings.domain, name="domain"),
    path("settings/domains/<int:pk>/check", settings.check_domain, name="domain_check"),
    path("settings/domains/<int:pk>/key", settings.renew_key, name="domain_key"),
    path("settings/domains/<int:pk>/live", settings.switch_live, name="domain_live"),
    path("settings/domains/<int:pk>/limit", settings.limit_domain, name="domain_limit"),
    path("settings/domains/<int:pk>/remove", settings.remove_domain, name="domain_remove"),
    path("settings/domains/<int:pk>/addresses", settings.add_address, name="address_add"),
    path("settings/addresses/<int:pk>/remove", settings.remove_address, name="address_remove"),
    path("settings/brakes", settings.edit_brakes, name="brakes"),
    path("settings/routes", settings.list_routes, name="routes"),
    path("settings/routes/new", settings.edit_route, name="route_new"),
    path("settings/routes/<int:pk>", settings.edit_route, name="route"),
    path("settings/routes/<int:pk>/test", settings.test_route, name="route_test"),
    path("settings/routes/<int:pk>/pause", settings.pause_route, name="route_pause"),
    path("settings/routes/<int:pk>/hold", settings.hold_provider, name="provider_hold"),
    path("settings/routes/<int:pk>/sites", settings.limit_site, name="route_site"),
    path("settings/routes/<int:pk>/remove", settings.remove_route, name="route_remove"),
    path("settings/routes/<int:pk>/warm-up", warmups.save, name="warm_up"),
    path("settings/warm-ups/<int:pk>/pause", warmups.pause, name="warm_up_pause"),
    path("settings/warm-ups/<int:pk>/remove", warmups.remove, name="warm_up_remove"),
]
