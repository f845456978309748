from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "analytics"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models exist only now, so that these cannot stand at the top.
        from analytics import alert_words, figures
        from campaigns import listing

        alert_words.register()
        listing.figures_from(figures.figures)
