"""What Shirase does about a cause, in a sentence."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from delivery.knowledge import Action, Category, Cause, Scope
from delivery.stops import rule_of

_OFTEN = _("It keeps these people on your lists. If it is refused often, it pauses and tells you.")
_DEEDS: dict[Action, Promise] = {
    Action.SUPPRESS_NOW: _("It stops mail to this address, in every campaign, until somebody of your team lifts it."),
    Action.RETRY: _("It tries again by itself, at growing intervals, for as long as the campaign allows."),
    Action.RETRY_SLOW: _("It sends to this provider more slowly, and tries again by itself what was put off."),
    Action.PAUSE_ROUTE: _OFTEN,
    Action.PAUSE_DOMAIN: _OFTEN,
    Action.FIX_DNS: _OFTEN,
    Action.FIX_CONTENT: _("It does not send this message again, and keeps these people on your lists."),
    Action.FIX_CREDENTIALS: _(
        "It keeps these people on your lists. Where the sign-in fails, the mail waits until the account is right."
    ),
    Action.IGNORE: _("Nothing more: this message is not sent again by itself, and nobody is stopped for it."),
}
_RESTS = _("The domain rests: nothing is sent to it, and it is looked at again every week.")
_COMPLAINED = _("It stops mail to this person at once. Only they can lift that, by signing up again.")
_BY_DIGIT = _("It goes by the first digit: 4 is tried again, 5 is final. Nobody is stopped for it.")


def what_we_do(cause: Cause) -> str:
    """One sentence for the help page and for lists of causes, in the reader's language."""
    if cause.category is Category.COMPLAINT:
        return str(_COMPLAINED)
    rule = rule_of(cause.category)
    if cause.action is Action.SUPPRESS_AFTER_N and rule:
        words = gettext("It counts: after %(times)s such refusals in %(days)s days it stops mail to this address.")
        return words % {"times": rule.times, "days": rule.days}
    if cause.action is Action.PAUSE_DOMAIN and cause.scope is Scope.RECIPIENT_DOMAIN:
        return str(_RESTS)
    if cause.category is Category.UNKNOWN:
        return str(_BY_DIGIT)
    return str(_DEEDS[cause.action])
