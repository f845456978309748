"""What goes over the wire as one message arrives as that message, or is answered here."""

from __future__ import annotations

import pytest

from delivery.smtp.faults import Fault, ending
from delivery.smtp.replies import Reply
from delivery.smtp.timeouts import Timeouts
from tests.servers.fixtures import StartReceiver

from .drive import D, F, Told, deliver, envelope, listen, open_session, run


def test_messages_arrive_byte_for_byte(receivers: StartReceiver) -> None:
    server = receivers(check=False)
    bodies = [
        b".\r\n", b"..\r\n", b".\r\n.\r\n", b"\r\n.\r\n", b"a\r\n.\r\nb\r\n", b".a\r\n..b\r\n...c\r\n",
        b".\r\n" * 100_000, b"a" * 998 + b"\r\n", b"x.y\r\n" * 3000, b"\r\n", b"a\r\n\x00.\r\nb\r\n",
    ]  # fmt: skip

    async def go() -> Told:
        told = Told()
        session = await open_session(server, Timeouts().scaled(0.1))
        listen(session, told)
        for number, data in enumerate(bodies, 1):
            assert (await session.send(envelope(number, data=data))).code == 250
        await session.quit()
        return told

    run(go)
    assert [message.data for message in server.messages()] == bodies


@pytest.mark.parametrize(
    "smuggled", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r\n\x00.\r\n", b"\r\r\n.\r\n", b"\r\n.\r\n"]
)
def test_a_message_inside_a_message_stays_inside(receivers: StartReceiver, smuggled: bytes) -> None:
    server = receivers()
    inner = b"MAIL FROM:<a@evil.example>\r\nRCPT TO:<b@evil.example>\r\nDATA\r\nSubject: evil\r\n\r\n.\r\n"

    async def go() -> Reply:
        session = await open_session(server)
        reply = await session.send(envelope(1, data=b"Subject: a\r\n\r\nb" + smuggled + inner))
        await session.quit()
        return reply

    assert run(go).code == 250
    assert len(server.ledger()) == 1
    assert not [line for line in server.stats()["lines"] if "evil" in line]


def test_a_message_too_large_is_answered_here_and_the_connection_goes_on(receivers: StartReceiver) -> None:
    server = receivers(size=1000)

    async def go() -> list[Reply]:
        session = await open_session(server)
        replies = [await session.send(envelope(1, data=b"x" * 1001)), await session.send(envelope(2))]
        await session.quit()
        return replies

    large, small = run(go)
    assert (large.synthetic, ending(large), small.code) == (Fault.SIZE_EXCEEDED, F, 250)
    assert server.stats()["commands"]["MAIL"] == 1


def test_an_unusable_address_between_good_ones_harms_only_itself(start: StartReceiver) -> None:
    told = deliver(start(), "a@example.net", "x>\r\nRCPT TO:<y@example.net", "b@example.net")
    assert told.endings == [D, F, D]
    assert told.replies[2].synthetic == Fault.BAD_ADDRESS


def test_japanese_addresses_go_out_as_typed(receivers: StartReceiver) -> None:
    server = receivers()
    told = deliver(server, "a..b@docomo.ne.jp", "x.@ezweb.ne.jp", "用户@例え.jp", "user@例え.jp")
    assert told.endings == [D] * 4
    rcpts = [a.rcpt for a in server.ledger()]
    assert rcpts == ["a..b@docomo.ne.jp", "x.@ezweb.ne.jp", "用户@xn--r8jz45g.jp", "user@xn--r8jz45g.jp"]


def test_an_address_that_needs_smtputf8_is_answered_here_where_it_is_not_offered(receivers: StartReceiver) -> None:
    told = deliver(receivers(extensions=["PIPELINING", "8BITMIME"]), "用户@例え.jp", "user@例え.jp")
    assert told.endings == [F, D]
    assert str(told.replies[1].status) == "5.6.7"


def test_the_servers_own_report_names_our_message(receivers: StartReceiver) -> None:
    server = receivers(extensions=["PIPELINING", "DSN"])
    assert deliver(server, "a+b@example.net").endings == [D]
    lines = server.stats()["lines"]
    assert "MAIL FROM:<b-1@bounce.example.jp> RET=HDRS ENVID=b-1" in lines
    assert "RCPT TO:<a+b@example.net> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a+2Bb@example.net" in lines
