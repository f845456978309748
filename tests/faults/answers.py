"""What a mail server may answer instead of taking the message."""

from __future__ import annotations

from contacts.models import Suppression
from delivery.models import Attempt, Message, MessageState
from tests.faults import workers
from tests.faults.scenes import PEOPLE, SLOW
from tests.faults.stand import Stand

BUSY = "421 4.3.2 Too busy, try again later"
LATER = "451 4.3.0 Temporary failure"
FAILED = "554 5.0.0 Transaction failed"
NOBODY = "550 5.1.1 No such user here"
POLICY = "550 5.7.1 Message refused"
CHOSEN = 20


def busy_at_each_phase(stand: Stand) -> int:
    """Who was not given to RCPT goes back untouched, the others are deferred; nobody is suppressed."""
    phases = ["banner", "ehlo", "mail", "rcpt", "data", "dot"]
    stand.chance.shuffle(phases)
    stand.midway()
    for phase in phases:
        before = _told(stand, phase)
        script: dict[str, object] = {phase: {"*": BUSY} if phase in ("rcpt", "dot") else BUSY}
        if phase in ("banner", "ehlo"):
            script["mail"] = BUSY  # so that there are new connections
        stand.answer(**script)
        stand.until(lambda phase=phase, before=before: _told(stand, phase) > before)  # type: ignore[misc]
        stand.calm()
    stand.drain()
    refused = Attempt.objects.filter(mailing_id=stand.mailing.pk, code=421)
    results = set(refused.filter(phase__in=["mail", "rcpt", "data", "dot"]).values_list("phase", "result"))
    wanted = {("mail", Attempt.RETURNED)} | {(phase, MessageState.DEFERRED) for phase in ("rcpt", "data", "dot")}
    assert results == wanted, f"what became of 421: {results}"
    _all_delivered_as_the_log_says(stand)
    return 0


def _told(stand: Stand, phase: str) -> int:
    """How many were told what that phase answers now."""
    if phase == "dot":
        return Attempt.objects.filter(mailing_id=stand.mailing.pk, code=421, phase="dot").count()
    stats = stand.receiver.stats()
    return int(stats["connections"] if phase == "banner" else stats["commands"].get(phase.upper(), 0))


def refused_for_now(stand: Stand) -> int:
    """Twice at RCPT as greylisting, once at RCPT and at the dot, and some at DATA: tried again, taken once."""
    grey, later, at_dot = stand.chosen(5), stand.chosen(5), stand.chosen(5)
    stand.answer(
        rcpt={grey.pattern: ["450 4.2.0 Greylisted, please come back"] * 2, later.pattern: [LATER]},
        data=[LATER] * 5,
        dot={at_dot.pattern: [LATER], "*": SLOW},
    )
    stand.drain()
    _all_delivered_as_the_log_says(stand)
    tries = dict(Message.objects.filter(mailing=stand.mailing).values_list("rcpt", "attempts"))
    assert all(tries[person] >= 3 for person in grey.people), "greylisted people were not tried three times"
    assert all(tries[person] >= 2 for person in later.people | at_dot.people), "somebody was not tried again"
    assert sum(tries.values()) == PEOPLE + 2 * 5 + 5 + 5 + 5, "other tries than were refused"
    return 0


def refused_for_good(stand: Stand) -> int:
    """Failed once and never tried again; only who does not exist is suppressed."""
    gone, gone_at_dot = stand.chosen(5), stand.chosen(5)
    policy, policy_at_dot = stand.chosen(5), stand.chosen(5)
    stand.answer(
        banner=["CLOSE 554 5.3.2 No service here"], ehlo=["554 5.3.2 Not now"], helo=["554 5.3.2 Not now"],
        mail=[FAILED] * 5, data=[FAILED] * 5,
        rcpt={gone.pattern: NOBODY, policy.pattern: POLICY},
        dot={gone_at_dot.pattern: NOBODY, policy_at_dot.pattern: POLICY, "*": SLOW},
    )  # fmt: skip
    stand.drain()
    failed = stand.people_in(MessageState.FAILED)
    refused = Attempt.objects.filter(
        mailing_id=stand.mailing.pk, result=MessageState.FAILED, phase__in=("mail", "data")
    )
    early = set(Message.objects.filter(pk__in=refused.values("message_id")).values_list("rcpt", flat=True))
    known = gone.people | gone_at_dot.people | policy.people | policy_at_dot.people
    assert len(early) == 10, f"{len(early)} were refused at MAIL and DATA"  # whoever comes: some may be of the chosen
    assert failed == known | early, f"{len(failed)} failed, {len(known - failed)} who should did not"
    assert len(stand.people_in(MessageState.DELIVERED)) == PEOPLE - len(failed), "not everybody else has got it"
    assert not failed & stand.taken(), "failed and taken"
    assert set(Message.objects.filter(mailing=stand.mailing).values_list("attempts", flat=True)) == {1}
    gone_for_good = (gone.people | gone_at_dot.people) - early
    assert _suppressed(stand) == gone_for_good, "others were suppressed than do not exist"
    return 0


def _all_delivered_as_the_log_says(stand: Stand) -> None:
    wrong = workers.number(
        "SELECT count(*) FROM delivery_message m WHERE mailing_id = %s AND attempts <> ("
        "SELECT count(*) FROM delivery_attempt a WHERE a.message_id = m.id AND a.result IN (1, 2))",
        stand.mailing.pk,
    )
    assert wrong == 0, f"{wrong} people's attempts are not those of the log"
    assert len(stand.people_in(MessageState.DELIVERED)) == PEOPLE, "not everybody has got it"
    assert not _suppressed(stand), f"suppressed: {_suppressed(stand)}"


def _suppressed(stand: Stand) -> set[str]:
    return set(Suppression.objects.filter(address_key__in=stand.scene.addresses).values_list("address_key", flat=True))


def cut_after_the_dot_stored(stand: Stand) -> int:
    return _cut_after_the_dot(stand, "ACCEPT ")


def cut_after_the_dot_not_stored(stand: Stand) -> int:
    return _cut_after_the_dot(stand, "")


def _cut_after_the_dot(stand: Stand, stored: str) -> int:
    """Half of them by a close, half by a reset: never a silent "deferred"."""
    closed, reset = stand.chosen(CHOSEN // 2), stand.chosen(CHOSEN // 2)
    people = closed.people | reset.people
    stand.answer(dot={closed.pattern: f"{stored}DROP", reset.pattern: f"{stored}RST", "*": SLOW})
    stand.drain()
    unknown = stand.people_in(MessageState.UNCERTAIN)
    assert unknown == people, f"unknown though answered: {unknown - people}; not unknown: {people - unknown}"
    assert (stand.taken() & people) == (people if stored else set()), "the receiver stored others than it was to"
    return CHOSEN


def half_closed_or_late(stand: Stand) -> int:
    """Their side is closed after the dot; or the 250 comes octet by octet, or after half the time that it has."""
    half, slow, late = stand.chosen(5), stand.chosen(5), stand.chosen(3)
    stand.answer(dot={
        half.pattern: "ACCEPT EOF", slow.pattern: "ACCEPT SLOW 0.1 250 2.0.0 Ok\r\n",
        late.pattern: "ACCEPT WAIT 6 250 2.0.0 Ok", "*": SLOW,
    })  # fmt: skip
    stand.drain()
    unknown = stand.people_in(MessageState.UNCERTAIN)
    assert unknown == half.people, f"unknown are {sorted(unknown)}, not {sorted(half.people)}"
    return len(half.people)
