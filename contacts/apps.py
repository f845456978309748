from django.apps import AppConfig


class ContactsConfig(AppConfig):
    name = "contacts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models exist only now, so that these cannot stand at the top.
        from accounts import audit, jobs, notices, setup
        from contacts import background, sample
        from contacts.actions import ACTIONS

        audit.register(ACTIONS)
        setup.on_workspace_created(sample.furnish)
        for name, kind in background.KINDS.items():
            jobs.register(name, kind)
        for name, render in background.NOTICES.items():
            notices.register(name, render)
