"""What goes on the wire: addresses cannot inject, dots are stuffed, extensions only where offered."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.smtp.commands import Capabilities, Envelope, body, opening, path
from delivery.smtp.replies import Reply

ALL = Capabilities(pipelining=True, eight_bit=True, smtputf8=True, size=0)
BARE = Capabilities()


def _envelope(
    rcpt: str, data: bytes = b"Subject: a\r\n\r\nb\r\n", mail_from: str = "b-1@bounce.example.jp"
) -> Envelope:
    return Envelope(1, mail_from, rcpt, data)


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("taro@example.net", "taro@example.net"),
        ("a..b@docomo.ne.jp", "a..b@docomo.ne.jp"),
        ("x.@ezweb.ne.jp", "x.@ezweb.ne.jp"),
        ("o'neil+tag@example.net", "o'neil+tag@example.net"),
        ("user@例え.jp", "user@xn--r8jz45g.jp"),
        ("用户@例え.jp", "用户@xn--r8jz45g.jp"),
        ("user@[192.0.2.1]", "user@[192.0.2.1]"),
    ],
)
def test_addresses_are_written_as_typed_with_an_a_label(typed: str, written: str) -> None:
    assert path(typed) == written


@pytest.mark.parametrize(
    "typed",
    [
        "a@b>\r\nRCPT TO:<x@y",
        "a@b\r\nDATA",
        "a\n@example.net",
        "a@example.net\n",
        "a b@example.net",
        "a\x00@example.net",
        "<a@example.net>",
        "a>@example.net",
        "a@b@example.net",
        "@example.net",
        "a@",
        "a",
        "",
        "あ\u2028@example.net",
        "あ b@example.net",
        "あ>@example.net",
        "a@exa mple.net",
        "a@例え .jp>",
        "x" * 65 + "@example.net",
        "x@" + "y" * 253,
        "あ@" + "y" * 251,
        "あ" * 22 + "@example.net",
    ],
)
def test_an_address_that_could_be_more_than_an_address_is_refused(typed: str) -> None:
    reply = opening(_envelope(typed), ALL)
    assert isinstance(reply, Reply)
    assert (reply.synthetic, reply.permanent) == ("bad_address", True)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_address_brings_a_line_break_or_a_second_bracket(local: str, domain: str) -> None:
    lines = opening(_envelope(f"{local}@{domain}"), ALL)
    if isinstance(lines, Reply):
        return
    for line in lines:
        assert line.endswith(b"\r\n")
        assert line.count(b"\r") == line.count(b"\n") == 1
        assert line.count(b"<") == line.count(b">") == 1
        assert not set(line[:-2]) & set(range(32))


def test_extensions_are_used_only_where_offered() -> None:
    assert opening(_envelope("a@example.net"), BARE) == (
        b"MAIL FROM:<b-1@bounce.example.jp>\r\n",
        b"RCPT TO:<a@example.net>\r\n",
    )
    lines = opening(_envelope("a@example.net"), ALL)
    assert lines == (b"MAIL FROM:<b-1@bounce.example.jp> SIZE=17\r\n", b"RCPT TO:<a@example.net>\r\n")


def test_the_longest_path_has_256_octets_with_its_brackets() -> None:
    for longest in ("x@" + "y" * 252, "あ@" + "y" * 250):
        assert path(longest) == longest
        assert path(longest + "y") is None


def test_reports_are_asked_for_where_the_server_can_write_them() -> None:
    can = Capabilities(dsn=True, smtputf8=True)
    assert opening(_envelope("a+b=c@example.net", mail_from="b+1=@bounce.example.jp"), can) == (
        b"MAIL FROM:<b+1=@bounce.example.jp> RET=HDRS ENVID=b+2B1+3D\r\n",
        b"RCPT TO:<a+b=c@example.net> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a+2Bb+3Dc@example.net\r\n",
    )
    foreign = opening(_envelope("用户@例え.jp"), can)
    assert not isinstance(foreign, Reply)
    assert foreign[1] == "RCPT TO:<用户@xn--r8jz45g.jp> NOTIFY=FAILURE,DELAY\r\n".encode()


def test_nobody_reports_to_the_null_path() -> None:
    assert opening(_envelope("a@example.net", mail_from=""), Capabilities(dsn=True)) == (
        b"MAIL FROM:<>\r\n",
        b"RCPT TO:<a@example.net>\r\n",
    )


def _xtext_decoded(text: str) -> str:
    return re.sub(r"\+([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), text)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=64), st.sampled_from(["a.jp", "[::1]"]))
def test_what_comes_back_in_a_report_is_the_address(local: str, domain: str) -> None:
    lines = opening(_envelope(f"{local}@{domain}"), Capabilities(dsn=True))
    if isinstance(lines, Reply):
        return
    found = re.fullmatch(r"RCPT TO:<(.*)> NOTIFY=FAILURE,DELAY ORCPT=rfc822;(\S+)\r\n", lines[1].decode())
    assert found
    assert re.fullmatch(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+", found[2])
    assert _xtext_decoded(found[2]) == found[1] == f"{local}@{domain}"


@pytest.mark.parametrize(
    ("said", "size"),
    [({}, None), ({"size": ""}, 0), ({"size": "0"}, 0), ({"size": "1000"}, 1000), ({"size": "1000 extra"}, 1000),
     ({"size": "many"}, 0), ({"size": "-1"}, 0), ({"size": "9" * 5000}, 0)],
)  # fmt: skip
def test_a_size_is_a_number_or_none(said: dict[str, str], size: int | None) -> None:
    assert Capabilities.read(said, []).size == size


@pytest.mark.parametrize(
    ("limits", "most"),
    [("MAILMAX=20", 20), ("RCPTMAX=1 mailmax=5 X=2", 5), ("RCPTMAX=100", None), ("XMAILMAX=5", None),
     ("MAILMAX=0", None), ("MAILMAX=9999999", None), ("MAILMAX=", None), ("", None)],
)  # fmt: skip
def test_how_many_messages_a_connection_may_carry(limits: str, most: int | None) -> None:
    assert Capabilities.read({"limits": limits}, []).mail_max == most


def test_the_null_path_is_written_for_reports() -> None:
    lines = opening(_envelope("a@example.net", mail_from=""), BARE)
    assert not isinstance(lines, Reply)
    assert lines[0] == b"MAIL FROM:<>\r\n"


def test_a_message_over_the_offered_size_is_not_sent() -> None:
    reply = opening(_envelope("a@example.net", b"x" * 1001), Capabilities(size=1000))
    assert isinstance(reply, Reply)
    assert (reply.synthetic, reply.permanent) == ("size_exceeded", True)
    assert not isinstance(opening(_envelope("a@example.net", b"x" * 1000), Capabilities(size=1000)), Reply)


def test_smtputf8_is_asked_for_when_the_local_part_needs_it() -> None:
    lines = opening(_envelope("用户@例え.jp"), ALL)
    assert not isinstance(lines, Reply)
    assert lines[0].endswith(b" SIZE=17 BODY=8BITMIME SMTPUTF8\r\n")
    assert lines[1] == "RCPT TO:<用户@xn--r8jz45g.jp>\r\n".encode()
    reply = opening(_envelope("用户@例え.jp"), BARE)
    assert isinstance(reply, Reply)
    assert str(reply.status) == "5.6.7"
    assert not isinstance(opening(_envelope("user@例え.jp"), BARE), Reply)


def test_eight_bit_text_is_not_sent_to_a_seven_bit_server() -> None:
    lines = opening(_envelope("a@example.net", "é\r\n".encode()), ALL)
    assert not isinstance(lines, Reply)
    assert lines[0].endswith(b" BODY=8BITMIME\r\n")
    reply = opening(_envelope("a@example.net", "é\r\n".encode()), BARE)
    assert isinstance(reply, Reply)
    assert reply.synthetic == "eight_bit_not_offered"


@pytest.mark.parametrize(
    ("data", "wire"),
    [
        (b"", b".\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b"..", b"...\r\n.\r\n"),
        (b".\r\n.", b"..\r\n..\r\n.\r\n"),
        (b"\r\n.\r\n", b"\r\n..\r\n.\r\n"),
        (b"a.b.c\r\n", b"a.b.c\r\n.\r\n"),
        (b"a\n.\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r.\rb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r\n.\rb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"x.y " * 100 + b"\r\n.\r\n", b"x.y " * 100 + b"\r\n..\r\n.\r\n"),
    ],
)
def test_dots_are_stuffed(data: bytes, wire: bytes) -> None:
    assert body(data) == wire


@given(st.lists(st.sampled_from([b".", b"..", b"a", b"\r\n", b"\n", b"\r", b"\x00", b"."]), max_size=200).map(b"".join))
def test_no_message_ends_before_its_end(data: bytes) -> None:
    wire = body(data)
    assert wire.endswith(b".\r\n")
    for early in (b"\r\n.\r\n", b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r", b"\r\n.\n"):
        at = wire.find(early)
        assert at < 0 or at + len(early) >= len(wire) - (1 if early.endswith(b"\r") else 0)
