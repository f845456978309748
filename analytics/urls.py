from django.urls import path

from analytics.views import health, overview, queue, report

app_name = "analytics"
urlpatterns = [
    path("", overview.overview, name="overview"),
    path("health", health.page, name="health"),
    path("health/mail", health.mail, name="health_mail"),
    path("health/codes", health.list_codes, name="health_codes"),
    path("health/codes.csv", health.export, name="health_export"),
    path("health/replies", health.replies, name="health_replies"),
    path("settings/queue", queue.queue, name="queue"),
    path("campaigns/<int:pk>/report/live", report.report, name="report"),
    path("campaigns/<int:pk>/report.csv", report.export, name="export"),
]
