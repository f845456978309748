"""Why a message was held, not sent after all or is unknown, where no server said it of the person. In words."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


@dataclass(frozen=True)
class OwnCause:
    """`title` in one line; `why` is what it means, `advice` what to do."""

    title: Promise
    why: Promise
    advice: tuple[Promise, ...] = ()


FAILED_ELSEWHERE = "failed_elsewhere"

OWN_CAUSES: dict[str, OwnCause] = {
    FAILED_ELSEWHERE: OwnCause(
        _("Passed on to another address, and failed there"),
        _(
            "Their server took the mail and sent it on, to another mailbox or to a colleague. What is wrong is wrong "
            "there: this person may still read you."
        ),
    ),
    "render_error": OwnCause(
        _("The letter cannot be written for this person"),
        _("It fails with this person's values. Nothing was sent to them."),
    ),
    "content_unusable": OwnCause(
        _("The letter or its sender cannot be written"),
        _("A header or the template cannot be used. Nothing was sent and nobody is lost."),
    ),
    "crashed": OwnCause(
        _("Writing it stopped our worker three times"),
        _("Perhaps this message itself is what stops it. Nothing was sent; a person must decide."),
    ),
    "worker_lost": OwnCause(
        _("Our worker was lost while it was on the way"),
        _("Their server may have taken the mail. It is not sent again by itself, so that nobody gets it twice."),
    ),
    "worker_broke": OwnCause(
        _("An error in Shirase itself stopped the sending"),
        _(
            "Nobody is lost and nobody gets it twice: who was on the way is settled from our own records. "
            "The log says what went wrong. Resume to try again."
        ),
    ),
    "database_restored": OwnCause(
        _("The database is older than the mail it has sent: a backup was put back"),
        _(
            "Part of this campaign may have gone out after that backup was taken. Whoever got it then would get it "
            "again, and nothing here says who they are; the log of your mail server may. Nothing more leaves until "
            "you decide: look first, then resume it or stop it."
        ),
    ),
    "many_unknown_users": OwnCause(
        _("Too many addresses do not exist"),
        _("This is how an old or bought list looks to receivers, and they begin to block its sender."),
        (
            _("Take old and bought addresses off your lists."),
            _("If this list is one of those, stop the campaign instead of resuming it."),
        ),
    ),
    "many_blocks": OwnCause(
        _("Too many servers refuse this mail"),
        _("They do not want this letter, or mail from this server or domain. To go on would make it worse."),
        (_("The causes in the report say what they object to. Put it right, then resume."),),
    ),
    "many_complaints": OwnCause(
        _("Too many people reported it as spam"),
        _("Receivers put mail from such a sender into the spam folder, for everybody."),
        (_("Write only to people who asked for it. If these did not, stop the campaign instead of resuming it."),),
    ),
    "stopped": OwnCause(
        _("The campaign was stopped, or mail to this person was"),
        _("Somebody of your team stopped it before this person's turn."),
    ),
    "dropped": OwnCause(_("Left out by your team"), _("It was held, and your team decided not to send it.")),
    "unsubscribed": OwnCause(
        _("Unsubscribed after the campaign began"), _("They left between the start of the campaign and their turn.")
    ),
    "complained": OwnCause(pgettext_lazy("event", "Reported as spam"), _("They reported our mail before their turn.")),
    "bounced": OwnCause(_("The address bounced before"), _("It was stopped before this person's turn.")),
    "erased": OwnCause(_("The person was erased"), _("They asked to be forgotten before their turn.")),
    "domain_rests": OwnCause(_("The domain takes no mail"), _("It is looked at again later by itself.")),
    "settled": OwnCause(
        _("Got it meanwhile, or is still being tried"),
        _("This campaign was sent again to people whose outcome was failed or unknown. For them that has changed."),
    ),
    "excluded_list": OwnCause(_("On an excluded list"), _("They were put on a list that this campaign leaves out.")),
}
