"""The message page reads a reply part by part."""

from __future__ import annotations

import pytest

from delivery.models import Attempt, MessageState
from delivery.reply_words import parts


def tried(code: int | None, status: str = "", cause: str = "", result: int = MessageState.FAILED) -> Attempt:
    return Attempt(code=code, status=status, cause=cause, result=result)


def test_each_part_has_its_meaning() -> None:
    basic, enhanced, cause = parts(tried(550, "5.1.1", "no_such_user"))
    assert (basic.value, basic.meaning) == ("550", "A final no.")
    assert (enhanced.value, enhanced.meaning) == ("5.1.1", "It is about an address.")
    assert (cause.value, cause.cause) == ("no_such_user", "no_such_user")
    assert "stops mail" in cause.meaning


@pytest.mark.parametrize(
    ("attempt", "names"),
    [
        (tried(None, cause="connect_timeout"), []),
        (tried(250, "2.0.0", result=MessageState.DELIVERED), []),
        (tried(450, cause="greylisted", result=MessageState.DEFERRED), ["Basic code", "With its words"]),
        (tried(554, "5.7", "worker_lost"), ["Basic code"]),
        (tried(550, "5.9.9", "unknown"), ["Basic code", "Enhanced code", "With its words"]),
    ],
)
def test_only_what_was_said_is_read(attempt: Attempt, names: list[str]) -> None:
    assert [part.name for part in parts(attempt)] == names
