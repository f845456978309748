"""What servers say and do, as a whole mailing meets it: nobody is lost, mailed twice, or blamed for it."""

from __future__ import annotations

import email
import re
from pathlib import Path
from typing import Any

import pytest
import trustme

from accounts import fields
from contacts.models import Suppression
from delivery import mailings
from delivery.models import Attempt, Bucket, Limit, Mailing, Message, MessageState, Route
from delivery.queue.outcomes import Try, decide
from delivery.sender.thread import SendThread
from delivery.smtp.replies import EnhancedStatus, Phase, Reply
from tests.delivery.queue import world
from tests.servers.dns import Dns
from tests.servers.fixtures import StartReceiver
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


def ends() -> set[tuple[int, int]]:
    return set(Message.objects.values_list("state", "attempts"))


def one_connection(here: world.World) -> None:
    Limit.objects.create(route=here.route, connections=1)


@pytest.mark.parametrize("how", ["DROP", "RST"])
def test_connections_that_break_after_their_first_dot_close_nothing(
    how: str, receivers: StartReceiver, send_thread: SendThread
) -> None:
    """Each is a fresh one, with the next message on the wire: that one goes to another, and the server works."""
    server = receivers(dot={".*": f"ACCEPT WAIT 0.3 {how}"})
    here = world.make(server)
    one_connection(here)
    here.people(f"p{n}@example.net" for n in range(4))
    mailing = here.mailing()

    world.run(send_thread, world.ended(mailing))

    assert ends() == {(MessageState.UNCERTAIN, 1)}
    stats = server.stats()
    assert stats["connections"] == 4
    assert not Attempt.objects.filter(result=Attempt.RETURNED).exists()
    assert not Bucket.objects.filter(closed_until__isnull=False).exists()


@pytest.mark.parametrize(
    ("script", "attempts"),
    [
        ({"banner": ["421 4.3.2 Closing"]}, 5),
        ({"ehlo": ["421 4.3.2 Closing"]}, 5),
        ({"mail": ["421 4.3.2 Closing"]}, 5),
        ({"rcpt": {"p1": ["421 4.3.2 Closing"]}}, 6),
        ({"data": ["421 4.3.2 Closing"]}, 6),
        ({"dot": {"p1": ["421 4.3.2 Closing"]}}, 6),
    ],
)
def test_421_anywhere_loses_nobody_and_suppresses_nobody(
    script: dict[str, Any], attempts: int, receivers: StartReceiver, send_thread: SendThread, settings: Any
) -> None:
    settings.TIME_SCALE = 0.0005
    server = receivers(script)
    here = world.make(server)
    here.people(f"p{n}@example.net" for n in range(5))
    mailing = here.mailing()

    world.run(send_thread, world.ended(mailing))

    assert {state for state, _ in ends()} == {MessageState.DELIVERED}
    assert sum(Message.objects.values_list("attempts", flat=True)) == attempts, "said from RCPT on, it costs one"
    assert sorted(line.rcpt for line in server.ledger()) == [f"p{n}@example.net" for n in range(5)]
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("ending", ["421 4.7.0 Too many messages on this connection", "CLOSE 421 4.4.2 Bye"])
@pytest.mark.parametrize(
    ("fresh", "connections", "returned"),
    [(False, 3, 0), (True, 3, 1)],
)
def test_a_421_to_mail_after_some_messages_ends_that_connection_and_not_the_place(
    ending: str, fresh: bool, connections: int, returned: int, receivers: StartReceiver, send_thread: SendThread,
    settings: Any,
) -> None:  # fmt: skip
    """Only a fresh connection that is refused says that nothing is taken now."""
    settings.TIME_SCALE = 0.0005
    taken = "250 2.1.0 OK"
    server = receivers(mail=[taken, taken, taken, ending, *([ending] if fresh else [taken, taken, ending])])
    here = world.make(server)
    one_connection(here)
    here.people(f"p{n}@example.net" for n in range(8))

    world.run(send_thread, world.ended(here.mailing()))

    assert ends() == {(MessageState.DELIVERED, 1)}
    assert server.stats()["connections"] == connections
    assert Attempt.objects.filter(result=Attempt.RETURNED, code=421).exists() is bool(returned)
    assert len(server.ledger()) == 8


def test_a_domain_that_takes_no_mail_is_told_so_without_a_connection(
    smtp_server: Receiver, send_thread: SendThread, settings: Any
) -> None:
    """RFC 7505: nor is its own address tried."""
    with Dns({"example.net": {"MX": ["0 ."], "A": ["127.0.0.1"]}}) as names:
        settings.DNS_RESOLVER, settings.ALLOW_PRIVATE_MX, settings.MX_PORT = names.address, True, smtp_server.port
        here = world.make()
        here.route.kind, here.route.host = Route.Kind.DIRECT, ""
        here.route.save()
        here.people(["p0@example.net"])
        world.run(send_thread, world.ended(here.mailing()))

    assert ends() == {(MessageState.FAILED, 1)}
    attempt = Attempt.objects.get(message_id=Message.objects.get().pk, result=MessageState.FAILED)
    assert (attempt.code, attempt.status, attempt.cause) == (556, "5.1.10", "domain_null_mx")
    assert smtp_server.stats()["connections"] == 0


def test_a_connection_carries_no_more_messages_than_its_server_allows(
    receivers: StartReceiver, send_thread: SendThread
) -> None:
    server = receivers(extensions=["PIPELINING", "LIMITS RCPTMAX=1 MAILMAX=3"])
    here = world.make(server)
    one_connection(here)
    here.people(f"p{n}@example.net" for n in range(10))

    world.run(send_thread, world.ended(here.mailing()))

    assert ends() == {(MessageState.DELIVERED, 1)}
    carried: list[int] = []
    for line in server.stats()["lines"]:
        if line.startswith("EHLO"):
            carried.append(0)
        elif line.startswith("MAIL"):
            carried[-1] += 1
    assert max(carried) == 3
    assert sum(carried) == 10


@pytest.mark.parametrize(("password", "auth"), [("wrong", []), ("right", ["454 4.7.0 Temporary failure"])])
def test_a_refused_sign_in_pauses_the_route_and_a_busy_one_does_not(
    password: str, auth: list[str], receivers: StartReceiver, server_cert: str, ca: trustme.CA, tmp_path: Path,
    send_thread: SendThread, settings: Any,
) -> None:  # fmt: skip
    settings.TIME_SCALE = 0.01
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    server = receivers(tls="implicit", cert=server_cert, users={"shirase": "right"}, mechanisms=["CRAM-MD5"], auth=auth)
    here = world.make(server)
    here.route.security, here.route.username = Route.Security.IMPLICIT, "shirase"
    here.route.ca_file = str(tmp_path / "ca.pem")
    fields.seal(here.route, "password_sealed", password)
    here.route.save()
    here.people(f"p{n}@example.net" for n in range(3))
    mailing = here.mailing()

    if password == "right":
        world.run(send_thread, world.ended(mailing))
        assert ends() == {(MessageState.DELIVERED, 1)}
        return
    world.run(send_thread, lambda: Route.objects.get().paused_at is not None)
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.PAUSED
    assert ends() == {(MessageState.QUEUED, 0)}
    assert server.stats()["commands"]["AUTH"] == 1, "it is not tried again and again"


def test_only_an_address_that_needs_it_fails_where_smtputf8_is_not_offered(
    receivers: StartReceiver, send_thread: SendThread
) -> None:
    server = receivers(extensions=["PIPELINING"])
    here = world.make(server)
    here.people(["用户@例え.jp", "user@例え.jp"])

    world.run(send_thread, world.ended(here.mailing()))

    assert [line.rcpt for line in server.ledger()] == ["user@xn--r8jz45g.jp"]
    assert server.messages()[0].data.isascii()
    failed = Message.objects.get(state=MessageState.FAILED)
    assert failed.rcpt == "用户@例え.jp"
    assert Attempt.objects.get(message_id=failed.pk, result=MessageState.FAILED).status == "5.6.7"


def test_every_mailing_of_a_list_has_its_list_id_and_one_signed_feedback_id(
    smtp_server: Receiver, send_thread: SendThread
) -> None:
    here = world.make(smtp_server, signed=True)
    here.people(["p0@example.net"])
    for _ in range(2):
        world.run(send_thread, world.ended(here.mailing()))

    mails = [email.message_from_bytes(message.data) for message in smtp_server.messages()]
    assert [mail.get_all("List-Id") for mail in mails] == [["News <news.news.example.com>"]] * 2
    for mail in mails:
        (feedback,) = mail.get_all("Feedback-ID", [])
        assert feedback.count(":") == 3
        signed = re.search(r"\sh=([^;]+);", mail["DKIM-Signature"])
        assert signed
        names = {"list-id", "feedback-id", "list-unsubscribe", "list-unsubscribe-post"}
        assert names <= set("".join(signed[1].split()).split(":"))


def test_a_notice_has_a_return_path_too(smtp_server: Receiver, send_thread: SendThread) -> None:
    """The null path is for reports only: our own mail would never be heard of again."""
    here = world.make(smtp_server)
    mailing = mailings.post(
        workspace=here.workspace, kind=Mailing.Kind.NOTICE, content=here.content, from_address=here.from_address,
        routes=[here.route], rcpts=["p@example.net"],
    )  # fmt: skip
    world.run(send_thread, world.ended(mailing))
    assert smtp_server.ledger()[0].mail_from.endswith("@bounce.news.example.com")


@pytest.mark.parametrize(
    ("phase", "code", "text", "state"),
    [
        (Phase.MAIL, 452, "4.3.1 Insufficient system storage", MessageState.DEFERRED),
        (Phase.MAIL, 552, "5.3.4 Message size exceeds fixed limit", MessageState.FAILED),
        (Phase.RCPT, 452, "4.5.3 Too many recipients", MessageState.DEFERRED),
        (Phase.RCPT, 552, "Too many recipients", MessageState.DEFERRED),
        (Phase.RCPT, 556, "5.1.10 Domain does not accept mail", MessageState.FAILED),
    ],
)
def test_what_a_server_says_of_sizes_and_numbers(phase: Phase, code: int, text: str, state: MessageState) -> None:
    outcome = decide(Try(1), Reply(code, text, EnhancedStatus.find(text), phase), 0.5)
    assert (outcome.result, outcome.stop) == (state, "")
