"""Causes of failure in the few groups that a person can act on, and how much of each is too much."""

from __future__ import annotations

import enum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from delivery import knowledge
from delivery.knowledge import Category


class Group(enum.StrEnum):
    """A line of the heat table, in its order."""

    ABSENT = "absent"  # no such address or domain
    REFUSED = "refused"  # the person or their carrier does not want it
    FULL = "full"
    SPAM = "spam"  # they think it is spam, or distrust server or domain
    PROOF = "proof"  # nothing proved that it is from us
    GAVE_UP = "gave_up"  # only ever told to wait
    OURS = "ours"  # our route or our message
    OTHER = "other"


WORDS: dict[Group, Promise] = {
    Group.ABSENT: pgettext_lazy("failures", "Does not exist"),
    Group.REFUSED: pgettext_lazy("failures", "Refused by person or carrier"),
    Group.FULL: pgettext_lazy("failures", "Mailbox full"),
    Group.SPAM: pgettext_lazy("failures", "Spam or reputation"),
    Group.PROOF: pgettext_lazy("failures", "Not proved to be from you"),
    Group.GAVE_UP: pgettext_lazy("failures", "Gave up"),
    Group.OURS: pgettext_lazy("failures", "Our route or message"),
    Group.OTHER: _("Something else"),
}
# Percent of those tried at a provider that no sender should be above. What is in our own hands has the lowest.
TARGETS: dict[Group, float] = {
    Group.ABSENT: 1.0,
    Group.REFUSED: 0.5,
    Group.FULL: 0.5,
    Group.SPAM: 0.2,
    Group.PROOF: 0.1,
    Group.GAVE_UP: 0.5,
    Group.OURS: 0.1,
    Group.OTHER: 0.5,
}
# Nobody but the sender can end these; of the first nothing arrives until then.
GRAVE = frozenset({Group.PROOF, Group.OURS})
YOURS = GRAVE | {Group.SPAM}

_MEMBERS: dict[Group, tuple[Category, ...]] = {
    Group.ABSENT: (Category.INVALID_RECIPIENT, Category.INACTIVE_MAILBOX, Category.INVALID_DOMAIN),
    Group.REFUSED: (Category.RECIPIENT_POLICY,),
    Group.FULL: (Category.MAILBOX_FULL,),
    Group.SPAM: (
        Category.IP_REPUTATION, Category.DOMAIN_REPUTATION, Category.BLOCKLIST, Category.CONTENT_SPAM,
        Category.CONTENT_URL, Category.VIRUS, Category.ATTACHMENT, Category.COMPLAINT,
    ),
    Group.PROOF: (Category.AUTH_SPF, Category.AUTH_DKIM, Category.AUTH_DMARC, Category.PTR_HELO),
    Group.GAVE_UP: (
        Category.EXPIRED, Category.RATE_LIMITED, Category.GREYLISTED, Category.TOO_MANY_CONNECTIONS,
        Category.REMOTE_BUSY, Category.NETWORK, Category.DNS_TEMPORARY, Category.TLS_FAILED,
    ),
    Group.OURS: (Category.OUR_CREDENTIALS, Category.RELAY_DENIED, Category.SIZE, Category.TLS_REQUIRED),
}  # fmt: skip
_GROUPS = {category: group for group, categories in _MEMBERS.items() for category in categories}


def group_of(cause: str) -> Group:
    known = knowledge.CAUSES.get(cause)
    return _GROUPS.get(known.category, Group.OTHER) if known else Group.OTHER
