from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models exist only now, so that these cannot stand at the top.
        from accounts import audit
        from accounts.actions import ACTIONS

        audit.register(ACTIONS)
