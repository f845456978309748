from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "delivery"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models exist only now, so that these cannot stand at the top.
        from accounts import audit, notices, setup
        from delivery import contact_timeline, erasing, furnishing, own_rules, stopping
        from delivery.actions import ACTIONS

        audit.register(ACTIONS)
        contact_timeline.register()
        notices.register(stopping.HELD_NOTICE, stopping.held_words)
        erasing.register()
        own_rules.register()
        setup.on_workspace_created(furnishing.furnish)
