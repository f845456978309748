"""Mail servers that do not speak SMTP, or never stop: a protocol error, for now, and nothing of it in our memory."""

from __future__ import annotations

from delivery.models import MessageState
from tests.faults.scenes import SLOW
from tests.faults.stand import ENDS_WITHIN, Stand

GARBAGE = [
    r"RAW \x00\x01\x02\x7f\xff\r\n",
    r"RAW \xff\xfe2\x005\x000\x00 \x00O\x00K\x00\r\x00\n\x00",  # UTF-16
    r"RAW 999 What now\r\n",
    r"RAW 250-One thing\r\n251 and another\r\n",
    r"RAW Hello, who are you?\r\n",
]
ENDLESS = [
    "FLOOD 1000000 a",  # a line of 1 MB
    r"FLOOD 100000 250-and\r\n",
    r"FLOOD 2000000 250-so on\r\n",  # 20 MB: without end, for whoever reads it all
]
EARLY = "250 2.1.0 OK\r\n250 2.1.5 OK\r\n354 Go on\r\n250 2.0.0 Taken"
GROWTH = 50_000  # kB of memory


def not_smtp(stand: Stand) -> int:
    """At each phase: nobody is failed, the text is stored safe, and only after a dot is the outcome unknown."""
    return _each(stand, GARBAGE)


def too_much(stand: Stand) -> int:
    """Lines of 1 MB, 100,000 lines, replies without end, one octet a second."""
    return _each(stand, [*ENDLESS, "SLOW 1 250 2.0.0 Very slow indeed"])


def early_and_extra(stand: Stand) -> int:
    """Replies to what was not asked yet: whose they are nobody can know, so that no 250 of theirs counts."""
    at_rcpt, at_dot = stand.chosen(5), stand.chosen(5)
    stand.answer(
        banner=["220 mx.receiver.test\r\n250 2.0.0 Early"], ehlo=["250-mx\r\n250 PIPELINING\r\n250 2.1.0 Early"],
        mail=[EARLY] * 3, data=["354 Go on\r\n250 2.0.0 Taken"] * 3,
        rcpt={at_rcpt.pattern: [EARLY]}, dot={at_dot.pattern: ["ACCEPT 250 2.0.0 OK\r\n250 2.0.0 OK"], "*": SLOW},
    )  # fmt: skip
    stand.drain()
    assert not stand.people_in(MessageState.FAILED), "somebody was failed for it"
    return 3 + 3 + len(at_rcpt.people)


def _each(stand: Stand, answers: list[str]) -> int:
    """Every one of these answers at every phase; how many come after a dot. The worker's memory stays as it was."""
    stand.midway()
    before = stand.worker.memory()
    at_rcpt, at_dot = [[stand.chosen(1, waiting=True) for _ in answers] for _ in range(2)]
    stand.answer(
        banner=answers, ehlo=answers, mail=answers, data=answers,
        rcpt={one.pattern: [answer] for one, answer in zip(at_rcpt, answers, strict=True)},
        dot={one.pattern: [answer] for one, answer in zip(at_dot, answers, strict=True)} | {"*": SLOW},
    )  # fmt: skip
    stand.until(stand.ended, seconds=ENDS_WITHIN)
    grown = stand.worker.memory() - before
    assert grown < GROWTH, f"the send processes' memory grew by {grown} kB"
    stand.drain()
    assert not stand.people_in(MessageState.FAILED), "somebody was failed for it"
    played = {answer for _, answer, _ in stand.receiver.stats()["played"]}
    assert played >= set(answers), f"never played: {set(answers) - played}"
    return len(answers)
