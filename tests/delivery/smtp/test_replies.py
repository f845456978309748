"""Replies are read as RFC 5321, 4.2 has them, and hostile ones are refused within bounds."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.smtp.faults import Ending, Fault, ending
from delivery.smtp.replies import (
    LINE_LIMIT,
    REPLY_LIMIT,
    TEXT_LIMIT,
    EnhancedStatus,
    Phase,
    ProtocolError,
    Reply,
    read,
    scan,
)


@pytest.mark.parametrize(
    ("raw", "code", "text"),
    [
        (b"250 OK\r\n", 250, "OK"),
        (b"250\r\n", 250, ""),
        (b"250 \r\n", 250, ""),
        (b"250 OK\n", 250, "OK"),
        (b"250-one\r\n250-two\r\n250 three\r\n", 250, "one\ntwo\nthree"),
        (b"250-\r\n250 \r\n", 250, ""),
        (b"550-5.1.1 no\r\n550\r\n", 550, "5.1.1 no"),
        ("550 5.1.1 宛先不明\r\n".encode(), 550, "5.1.1 宛先不明"),
        (b"550 " + "宛先不明".encode("cp932") + b"\r\n", 550, "\\x88\\xb6\\x90\\xe6\\x95s\\x96\\xbe"),
        (b"550 a\x00b\x1b[31m\r\n", 550, "a�b�[31m"),
    ],
)
def test_a_whole_reply_is_read(raw: bytes, code: int, text: str) -> None:
    assert scan(raw) == (code, len(raw))
    assert scan(b"xx" + raw + b"354 next\r\n", 2) == (code, len(raw) + 2)
    reply = read(raw, Phase.RCPT)
    assert (reply.code, reply.text, reply.phase) == (code, text, Phase.RCPT)


def test_a_reply_of_a_hundred_lines_is_one_reply() -> None:
    raw = b"".join(b"250-line %d\r\n" % n for n in range(99)) + b"250 end\r\n"
    assert scan(raw) == (250, len(raw))
    assert read(raw, Phase.DOT).text.count("\n") == 99


@given(st.integers(0, 40))
def test_a_part_of_a_reply_is_no_reply_yet(cut: int) -> None:
    raw = b"250-one\r\n250-two\r\n250 three and the rest\r\n"
    code, end = scan(raw[:cut])
    assert (code, end) == ((0, 0) if cut < len(raw) else (250, len(raw)))


@pytest.mark.parametrize(
    "raw",
    [
        b"999 what\r\n",
        b"100 early\r\n",
        b"25 OK\r\n",
        b"hello\r\n",
        b"\r\n",
        b"250*no\r\n",
        b"250-one\r\n251 two\r\n",
        b"550-no\r\n250 yes\r\n",
        b"\xff\xfe2\x005\x000\x00\r\n",
        b"250 " + b"x" * (LINE_LIMIT + 1),
        b"250-x\r\n" * (REPLY_LIMIT // 7 + 1),
    ],
)
def test_what_cannot_become_a_reply_is_a_protocol_error(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        scan(raw)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_parser(raw: bytes) -> None:
    try:
        code, end = scan(raw)
    except ProtocolError:
        return
    assert (code == 0 and end == 0) or (200 <= code <= 599 and 0 < end <= len(raw))
    if code:
        assert "\x00" not in read(raw[:end], Phase.DOT).text


def test_the_text_is_capped_and_read_in_linear_time() -> None:
    raw = b"550 " + b"\x00 5.1.1" * 300_000 + b"\r\n"
    began = time.process_time()
    assert len(read(raw, Phase.DOT).text) <= TEXT_LIMIT
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("5.1.1 no such user", EnhancedStatus(5, 1, 1)),
        ("4.7.650 slow down", EnhancedStatus(4, 7, 650)),
        ("5.1 malformed", None),
        ("5.1.1.1 no", None),
        ("no 5.1.1", None),
        ("", None),
    ],
)
def test_the_enhanced_code_stands_at_the_start_or_nowhere(text: str, status: EnhancedStatus | None) -> None:
    assert read(f"550 {text}\r\n".encode(), Phase.RCPT).status == status


@pytest.mark.parametrize(
    ("reply", "means"),
    [
        (Reply(250, phase=Phase.DOT), Ending.DELIVERED),
        (Reply(550, phase=Phase.RCPT), Ending.FAILED),
        (Reply(550, phase=Phase.MAIL), Ending.FAILED),
        (Reply(450, phase=Phase.RCPT), Ending.DEFERRED),
        (Reply(451, phase=Phase.MAIL), Ending.DEFERRED),
        (Reply(421, phase=Phase.MAIL), Ending.RETURNED),
        (Reply(421, phase=Phase.RCPT), Ending.DEFERRED),
        (Reply(421, phase=Phase.DATA), Ending.DEFERRED),
        (Reply(421, phase=Phase.DOT), Ending.DEFERRED),
        (Reply(554, phase=Phase.CONNECT), Ending.RETURNED),
        (Reply(421, phase=Phase.HELO), Ending.RETURNED),
        (Reply(535, phase=Phase.AUTH), Ending.RETURNED),
        (Fault.TIMEOUT.reply(Phase.MAIL), Ending.RETURNED),
        (Fault.TIMEOUT.reply(Phase.RCPT), Ending.DEFERRED),
        (Fault.DROPPED.reply(Phase.DATA), Ending.DEFERRED),
        (Fault.PROTOCOL_ERROR.reply(Phase.RCPT), Ending.DEFERRED),
        (Fault.PROTOCOL_ERROR.reply(Phase.DOT), Ending.UNCERTAIN),
        (Fault.DROPPED_AFTER_DOT.reply(Phase.DOT), Ending.UNCERTAIN),
        (Fault.TIMEOUT_AFTER_DOT.reply(Phase.DOT), Ending.UNCERTAIN),
        (Fault.CONNECT_REFUSED.reply(Phase.CONNECT), Ending.RETURNED),
        (Fault.DNS_TEMPORARY.reply(Phase.DNS), Ending.DEFERRED),
        (Fault.NULL_MX.reply(Phase.DNS), Ending.FAILED),
        (Fault.WITHDRAWN.reply(Phase.RCPT), Ending.RETURNED),
        (Fault.SIZE_EXCEEDED.reply(Phase.MAIL), Ending.FAILED),
        (Fault.BAD_ADDRESS.reply(Phase.RCPT), Ending.FAILED),
    ],
)
def test_what_a_reply_means_for_the_person(reply: Reply, means: Ending) -> None:
    assert ending(reply) is means


def test_every_fault_has_a_sentence_and_a_whole_reply() -> None:
    for fault in Fault:
        reply = fault.reply(Phase.CONNECT, "detail")
        assert fault.sentence.endswith(".")
        assert reply.synthetic == fault.value
        assert reply.status
        assert reply.code // 100 == reply.status.klass
        assert reply.text.endswith("(detail)")
