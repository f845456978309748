"""One word, one icon and one colour for every state that a page can show."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


@dataclass(frozen=True)
class Look:
    """`tone` is run, done, wait, stop or mute; `icon` a name of config/assets/icons.txt."""

    tone: str
    icon: str
    word: str | Promise


CAMPAIGN = {
    "draft": Look("mute", "pencil", _("Draft")),
    "scheduled": Look("mute", "calendar", _("Scheduled")),
    "waiting": Look("mute", "calendar", _("Scheduled")),
    "expanding": Look("run", "player-play", _("Preparing")),
    "sending": Look("run", "player-play", _("Sending")),
    "paused": Look("wait", "player-pause", _("Paused")),
    "finished": Look("done", "circle-check", _("Finished")),
    "stopped": Look("stop", "alert-octagon", _("Stopped")),
}
MESSAGE = {
    "queued": Look("mute", "clock", pgettext_lazy("message", "Waiting")),
    "on_the_way": Look("run", "send", _("On the way")),
    "delivered": Look("done", "circle-check", _("Delivered")),
    "deferred": Look("wait", "refresh", _("Retrying")),
    "retrying": Look("wait", "refresh", _("Retrying")),
    "failed": Look("stop", "circle-x", _("Failed")),
    "uncertain": Look("wait", "help-circle", _("Unknown")),
    "unknown": Look("wait", "help-circle", _("Unknown")),
    "held": Look("wait", "alert-triangle", _("Held")),
    "cancelled": Look("mute", "ban", _("Not sent")),
    "excluded": Look("mute", "user-minus", _("Excluded")),
    "bounced": Look("stop", "mail-x", _("Bounced later")),
    "opened": Look("run", "eye", _("Opened")),
    "machine_opened": Look("mute", "server", _("Opened by a machine")),
    "clicked": Look("run", "pointer", _("Clicked")),
    "unsubscribed": Look("mute", "user-off", _("Unsubscribed")),
    "complained": Look("stop", "flag", _("Complained")),
}
JOB = {
    "waiting": Look("mute", "clock", pgettext_lazy("job", "Waiting")),
    "uploaded": Look("mute", "file", _("Uploaded")),
    "checking": Look("run", "player-play", _("Checking")),
    "checked": Look("wait", "alert-triangle", _("Waits for you")),
    "running": Look("run", "player-play", _("Running")),
    "importing": Look("run", "player-play", _("Importing")),
    "undoing": Look("run", "arrow-back-up", _("Undoing")),
    "undone": Look("mute", "arrow-back-up", _("Undone")),
    "done": Look("done", "circle-check", _("Done")),
    "failed": Look("stop", "circle-x", _("Failed")),
    "stopped": Look("stop", "alert-octagon", _("Stopped")),
    "cancelled": Look("mute", "ban", _("Cancelled")),
}
CONTACT = {
    "yes": Look("done", "circle-check", _("Yes")),
    "subscribed": Look("done", "circle-check", _("Subscribed")),
    "unsubscribed": Look("mute", "user-off", _("Unsubscribed")),
    "complained": Look("stop", "flag", _("Complained")),
    "bounced": Look("stop", "ban", _("Does not arrive")),
    "stopped": Look("stop", "ban", _("Stopped by you")),
    "erased": Look("mute", "trash", _("Erased")),
    "no_list": Look("wait", "list", pgettext_lazy("contact", "On no list")),
    "rests": Look("wait", "hourglass", _("Domain rests")),
}
CHECK = {
    "ok": Look("done", "circle-check", _("Fine")),
    "fine": Look("done", "circle-check", _("Fine")),
    "found": Look("done", "circle-check", _("Found")),
    "verified": Look("done", "circle-check", _("Verified")),
    "live": Look("done", "circle-check", _("Live")),
    "sandbox": Look("mute", "flask", _("Sandbox only")),
    "look": Look("wait", "alert-triangle", _("Look")),
    "missing": Look("wait", "alert-triangle", _("Not found")),
    "different": Look("stop", "equal-not", _("Different")),
    "stop": Look("stop", "alert-octagon", _("Stops sending")),
    "unchecked": Look("mute", "clock", _("Not looked yet")),
    "active": Look("done", "circle-check", _("Active")),
    "pending": Look("wait", "clock", _("Invited")),
    "expired": Look("mute", "clock-pause", _("Expired")),
    "revoked": Look("mute", "ban", _("Revoked")),
}
KINDS = {"campaign": CAMPAIGN, "message": MESSAGE, "job": JOB, "contact": CONTACT, "check": CHECK}


def look(state: str, kind: str = "") -> Look:
    """How a state is shown. Without `kind` the first vocabulary that knows the word answers."""
    kinds = [KINDS[kind]] if kind else KINDS.values()
    for words in kinds:
        if state in words:
            return words[state]
    raise LookupError(f"no look for the state {state!r}; add it to config/vocabulary.py")
