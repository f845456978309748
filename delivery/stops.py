"""Which failures speak against an address, and how many of them stop it (docs/bounces.md). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from delivery.knowledge import Action, Category, Scope, Verdict

NO_SUCH_USER, INACTIVE, REFUSED, FULL = "no_such_user", "inactive", "refused", "full"
"""As contacts.models.Suppression.Reason."""

LEAST_STOPPED = 50  # addresses in an hour; the brake looks at no fewer
SENT_LATELY = 7  # days
REPORTS_TAKE = 5  # days within which a smarthost tells what it could not deliver


@dataclass(frozen=True, slots=True)
class Rule:
    """`times` failures within `days` stop the address."""

    times: int
    days: int


RULES: Mapping[str, Rule] = {
    NO_SUCH_USER: Rule(1, 1),
    INACTIVE: Rule(2, 30),
    REFUSED: Rule(3, 90),
    FULL: Rule(5, 30),
}
KEPT_DAYS = max(rule.days for rule in RULES.values())

_BY_CATEGORY = {
    Category.INACTIVE_MAILBOX: INACTIVE,
    Category.RECIPIENT_POLICY: REFUSED,
    Category.MAILBOX_FULL: FULL,
}


def rule_of(category: Category) -> Rule | None:
    """How many failures of a category stop an address; None where it is not counted."""
    return RULES.get(_BY_CATEGORY.get(category, ""))


def reason_of(verdict: Verdict, *, elsewhere: bool = False) -> str:
    """The reason of a message's final failure as far as it speaks against its address; "" where it does not.

    Whoever gave up on a full mailbox was told so by temporary answers: that counts all the same. `elsewhere`: it is
    another address that failed, since this one forwards its mail. That person may still read us, so one dead target
    does not stop them.
    """
    if verdict.scope is not Scope.RECIPIENT:
        return ""
    if verdict.category is Category.MAILBOX_FULL:
        return FULL
    if verdict.category is Category.INVALID_RECIPIENT and verdict.action is Action.SUPPRESS_NOW:
        return INACTIVE if elsewhere else NO_SUCH_USER
    return _BY_CATEGORY.get(verdict.category, "") if verdict.action is Action.SUPPRESS_AFTER_N else ""


def too_many(stopped: int, tried: int, percent: float) -> bool:
    """Whether a person should look before more addresses are stopped: `stopped` in an hour, of `tried` lately."""
    return stopped > LEAST_STOPPED and stopped * 100 > tried * percent
