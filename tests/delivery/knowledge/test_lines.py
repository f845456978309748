"""A line as people paste it becomes a reply."""

from __future__ import annotations

import pytest

from delivery.knowledge.lines import read_reply
from delivery.smtp.replies import Phase


@pytest.mark.parametrize(
    ("line", "code", "status"),
    [
        ("550 5.1.1 <a@b>: no such user", 550, "5.1.1"),
        ("550-5.1.1 no such user", 550, "5.1.1"),
        ("550-first / 550 5.1.1 second", 550, "5.1.1"),
        (r"550-first\n550 5.1.1 second", 550, "5.1.1"),
        ("host mx.example[192.0.2.1] said: 452 4.2.2 full (in reply to RCPT TO command)", 452, "4.2.2"),
        ("server at mx.example returned '550 5.4.316 Message expired'", 550, "5.4.316"),
        ("<<< 550 user unknown", 550, None),
        ("mx.example[192.0.2.1]:25: Connection timed out", 0, None),
        ("sorry, no mailbox (#5.1.1)", 0, "5.1.1"),
        ("421", 421, None),
        ("451 5.7.1 really 4.7.1", 451, "4.7.1"),
        ("550 rejected by 5.1.1.4", 550, None),
        ("garbage", 0, None),
        ("", 0, None),
    ],
)
def test_code_and_status_are_found(line: str, code: int, status: str | None) -> None:
    reply = read_reply(line)
    assert reply.code == code
    assert (str(reply.status) if reply.status else None) == status


@pytest.mark.parametrize(
    ("line", "phase"),
    [
        ("550 5.1.1 unknown (in reply to RCPT TO command)", Phase.RCPT),
        ("550 blocked (in reply to MAIL FROM command)", Phase.MAIL),
        ("554 spam (in reply to end of DATA command)", Phase.DOT),
        ("535 5.7.8 wrong password", Phase.AUTH),
        ("550 5.1.1 unknown", Phase.RCPT),
        ("Message expired", Phase.DSN),
    ],
)
def test_the_phase_is_told_or_guessed(line: str, phase: Phase) -> None:
    assert read_reply(line).phase is phase


def test_a_given_phase_is_kept() -> None:
    assert read_reply("550 5.1.1 unknown", phase=Phase.DOT).phase is Phase.DOT
