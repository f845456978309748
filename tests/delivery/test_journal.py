"""The worker's own file: what another process finds in it, whenever the writer was killed."""

from __future__ import annotations

import resource
import signal
from pathlib import Path

import pytest

from delivery import journal
from delivery.smtp.faults import Fault
from delivery.smtp.replies import EnhancedStatus, Phase, Reply

LEASE, MESSAGE = 7, 2**40


@pytest.fixture
def written(tmp_path: Path) -> journal.Journal:
    return journal.Journal(tmp_path, "host:1:2")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(250, "2.0.0 Ok: queued as 4F1", EnhancedStatus(2, 0, 0), Phase.DOT),
        Reply(550, '5.1.1 <"a b"@example.net>:\nユーザー unknown \\ "', EnhancedStatus(5, 1, 1), Phase.RCPT),
        Fault.TIMEOUT_AFTER_DOT.reply(Phase.DOT, "R 7 1 250 dot"),
        Reply(421, "", None, Phase.MAIL),
    ],
)
def test_a_reply_is_read_as_it_was_written(written: journal.Journal, reply: Reply) -> None:
    written.dot(LEASE, MESSAGE)
    written.reply(LEASE, MESSAGE, reply)
    written.dot(LEASE + 1, MESSAGE)

    entries = journal.read(written.path, LEASE)
    assert entries.replies == {MESSAGE: reply}
    assert entries.dots == set()


def test_the_message_being_built_is_named_until_it_is_built(written: journal.Journal) -> None:
    written.building(LEASE, MESSAGE)
    assert journal.read(written.path, LEASE).building == MESSAGE
    assert journal.read(written.path, LEASE + 1).building is None
    written.built()
    assert journal.read(written.path, LEASE).building is None


@pytest.mark.parametrize("octets", range(64))
def test_a_kill_while_that_is_written_accuses_nobody_else(tmp_path: Path, octets: int) -> None:
    """The mapped place may hold the beginning of the new line and the end of the empty one."""
    writer = journal.Journal(tmp_path, "host:1:2")
    empty = writer.path.read_bytes()
    writer.building(LEASE, MESSAGE)
    whole = writer.path.read_bytes()
    writer.path.write_bytes(whole[:octets] + empty[octets:])

    assert journal.read(writer.path, LEASE).building in (None, MESSAGE)


def test_forgetting_keeps_the_place_of_what_is_built(written: journal.Journal) -> None:
    written.dot(LEASE, MESSAGE)
    written.forget()
    written.building(LEASE, MESSAGE)
    written.dot(LEASE, MESSAGE)

    entries = journal.read(written.path, LEASE)
    assert entries == journal.Entries(dots={MESSAGE}, building=MESSAGE)


def test_a_full_disk_takes_no_line_or_the_whole_one(written: journal.Journal) -> None:
    """The disk ends in the middle of the second line; then there is room again."""
    line = len(f"D {LEASE} {MESSAGE}\n")
    size = written.path.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    default = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + line + line // 2, before[1]))
        assert written.dot(LEASE, MESSAGE)
        assert not written.dot(LEASE, MESSAGE + 1)
        assert not written.has_room()
        written.reply(LEASE, MESSAGE, Reply(250, "2.0.0 Ok", EnhancedStatus(2, 0, 0), Phase.DOT))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, default)
    assert written.has_room()
    assert written.dot(LEASE, MESSAGE + 2)

    assert journal.read(written.path, LEASE).dots == {MESSAGE, MESSAGE + 2}
    assert written.path.stat().st_size == size + 2 * line
