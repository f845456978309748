"""The words of this app's audit actions and notices."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

ACTIONS = {
    "install.set_up": _("Set up this server"),
    "workspace.created": _("Made the workspace"),
    "workspace.changed": _("Changed the workspace"),
    "member.invited": _("Invited to the team"),
    "member.joined": _("Joined the team"),
    "member.role": _("Changed the role"),
    "member.removed": _("Removed from the team"),
    "invitation.revoked": _("Revoked the invitation"),
    "api_key.created": _("Made an API key"),
    "api_key.revoked": _("Revoked an API key"),
    "user.password_changed": _("Changed the password"),
    "user.password_reset": _("Set a new password by mail"),
    "user.password_set": _("Set a new password on the server"),
    "job.cancelled": _("Cancelled a job"),
}
