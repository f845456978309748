"""What Shirase does about a cause, in a sentence."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from delivery.knowledge import Action, Category, Cause, Scope

_DEEDS: dict[Action, Promise] = {
    Action.SUPPRESS_NOW: _("It stops mail to this address, in every campaign, until somebody of your team lifts it."),
    Action.RETRY: _("It tries again by itself, at growing intervals, for as long as the campaign allows."),
    Action.RETRY_SLOW: _("It sends to this provider more slowly, and tries again by itself what was put off."),
    Action.PAUSE_ROUTE: _("It keeps these people on your lists. If it is refused often, it pauses and tells you."),
    Action.PAUSE_DOMAIN: _("It keeps these people on your lists. If it is refused often, it pauses and tells you."),
    Action.FIX_DNS: _("It keeps these people on your lists, and waits until the record is right."),
    Action.FIX_CONTENT: _("It does not send this message again, and keeps these people on your lists."),
    Action.FIX_CREDENTIALS: _("It keeps these people on your lists, and waits until the account is right."),
    Action.IGNORE: _("Nothing more: this message is not sent again by itself, and nobody is stopped for it."),
}
_COUNTED: dict[Category, Promise] = {
    Category.INACTIVE_MAILBOX: _("It counts: after 2 such refusals in 30 days it stops mail to this address."),
    Category.RECIPIENT_POLICY: _("It counts: after 3 such refusals in 90 days it stops mail to this address."),
    Category.MAILBOX_FULL: _("It counts: after 5 such refusals in 30 days it stops mail to this address."),
}
_RESTS = _("The domain rests: nothing is sent to it, and it is looked at again every week.")
_BY_DIGIT = _("It goes by the first digit: 4 is tried again, 5 is final. Nobody is stopped for it.")


def what_we_do(cause: Cause) -> Promise:
    """One sentence for the help page and for lists of causes."""
    if cause.action is Action.SUPPRESS_AFTER_N:
        return _COUNTED[cause.category]
    if cause.action is Action.PAUSE_DOMAIN and cause.scope is Scope.RECIPIENT_DOMAIN:
        return _RESTS
    if cause.category is Category.UNKNOWN:
        return _BY_DIGIT
    return _DEEDS[cause.action]
