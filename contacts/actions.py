"""What the audit log says of this app's actions."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

ACTIONS: dict[str, str | Promise] = {
    "contact.added": _("Added a person"),
    "contact.changed": _("Changed a person"),
    "contact.stopped": _("Stopped all mail to a person"),
    "contact.erased": _("Erased a person"),
    "contacts.tagged": _("Tagged people"),
    "contacts.listed": _("Put people on a list"),
    "contacts.stopped": _("Stopped mail to people"),
    "contacts.bulk_undone": _("Took back a change of many people"),
    "contacts.exported": _("Exported people"),
    "contacts.sample_loaded": _("Loaded the sample people"),
    "contacts.sample_removed": _("Removed the sample people"),
    "list.created": _("Created a list"),
    "list.changed": _("Changed a list"),
    "list.deleted": _("Deleted a list"),
    "field.created": _("Created a field"),
    "field.changed": _("Changed a field"),
    "field.deleted": _("Deleted a field"),
    "suppression.added": _("Stopped an address"),
    "suppression.released": _("Released a stopped address"),
    "import.started": _("Started an import"),
    "import.stopped": _("Stopped an import"),
    "import.undone": _("Undid an import"),
}
