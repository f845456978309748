from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models exist only now, so that these cannot stand at the top.
        from accounts import setup
        from config import first_run

        setup.add_check(first_run.queue)
