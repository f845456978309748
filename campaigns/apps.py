from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    name = "campaigns"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models exist only now, so that these cannot stand at the top.
        from accounts import audit, setup
        from campaigns import furnishing, notices
        from campaigns.actions import ACTIONS

        audit.register(ACTIONS)
        notices.register()
        setup.on_workspace_created(furnishing.furnish)
