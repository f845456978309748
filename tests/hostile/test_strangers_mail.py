"""Mail and SMTP answers as an enemy writes them: kept, shown, never a failure of ours, never slow (T9, T28)."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from accounts.models import User
from campaigns.models import Campaign
from delivery.knowledge import classify
from delivery.models import Message, MessageState, SandboxMail
from delivery.sandbox import store
from delivery.sender.thread import SendThread
from delivery.smtp.replies import Phase, Reply
from tests.delivery.queue import world
from tests.factories import make_member
from tests.hostile.conftest import client_of
from tests.servers.fixtures import StartReceiver

HEADERS = [
    b"From: ", b"From: <>", b'From: "', b"From: a@[", b"To: :", b"To: =?utf-8?q?", b"To: =?utf-8?b?////?=", b'To: "\\',
    b"To: " + b"(" * 2000, b"To: " + b"a," * 5000, b"Subject: " + b"=?utf-8?q?a?= " * 3000, b"Subject: \xff\xfe\x00",
    b"Subject: =?utf-16?b?//8=?=", b"Subject: =?utf-8?q?=00=0a=0dBcc:_x?=", b"Message-ID: <", b"Message-ID: <a@[>",
    b"Date: Tue, 99 Foo 20000 99:99:99 +9999", b"Content-Type: multipart/alternative", b'Content-Type: multipart/x; boundary="',
    b"Content-Type: text/html; charset*0*=utf-8''%ff", b"Content-Type: text/html; charset=zip",
    b"Content-Type: text/html; charset=idna", b'Content-Type: text/html; charset="\0"', b"Content-Type: message/rfc822",
    b"Content-Disposition: =?", b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: uuencode", b": x",
]  # fmt: skip
BODIES = [b"", b"\xff\x00<b>", b"--x\r\n\r\n--x--", b"begin 6 a\r\n", b"=\r\n=zz"]
CPU_SECONDS = 1.5


def enemies() -> Iterator[bytes]:
    """Every header by itself, some put together, and a letter in a letter in a letter."""
    chance = random.Random(7)
    for number, header in enumerate(HEADERS):
        yield header + b"\r\n\r\n" + BODIES[number % len(BODIES)]
    for _ in range(8):
        yield b"\r\n".join(chance.sample(HEADERS, 4)) + b"\r\n\r\n" + chance.choice(BODIES)
    yield b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(300))


@pytest.mark.django_db
def test_whatever_stands_in_a_mail_the_mailbox_opens(owner: User) -> None:
    client = client_of(owner)
    for raw in enemies():
        started = time.process_time()
        store.insert([store.Taken("a@b.example\x00\r\n", "\x1b[31m@c.example", raw)])
        mail = SandboxMail.objects.latest("pk")
        SandboxMail.objects.filter(pk=mail.pk).update(workspace=owner.memberships.get().workspace_id)
        for path in (
            reverse("delivery:sandbox_mail", args=[mail.pk]),
            reverse("delivery:sandbox_letter", args=[mail.pk]),
        ):
            assert client.get(path + "?part=headers").status_code == 200, raw[:200]
        took = time.process_time() - started
        assert took < CPU_SECONDS, (raw[:60], took)
    assert client.get("/sandbox").status_code == 200


ANSWERS = {
    "markup": "550 5.1.1 <script>alert(1)</script>",
    "NUL and escapes": r"RAW 550 5.7.1 a\x00b\x1b[2J\xff\xfe<b>\r\n",
    "many lines": "550-5.7.1 one\r\n550-two\r\n550 three",
    "no code": r"RAW hello you\r\n",
    "endless": "FLOOD 3000 550-x" + r"\r\n",
}


@pytest.mark.django_db(transaction=True)
def test_whatever_a_server_answers_each_message_has_its_end_and_its_page(
    receivers: StartReceiver, settings: Any
) -> None:
    """Through a real connection into the database and onto the pages."""
    settings.TIME_SCALE = 0.01
    thread = SendThread()
    names = {f"p{number}": answer for number, answer in enumerate(ANSWERS.values())}
    server = receivers({"rcpt": names})
    here = world.make(server)
    here.people(f"{name}@example.net" for name in names)
    mailing = here.mailing()
    try:
        world.run(thread, lambda: Message.objects.filter(rcpt="p0@example.net", state=MessageState.FAILED).exists())
    finally:
        thread.close()
    client = client_of(make_member(here.workspace))
    Campaign.objects.create(workspace=here.workspace, name="Autumn", mailing=mailing, state=Campaign.State.SCHEDULED)
    for message in Message.objects.filter(mailing=mailing):
        page = client.get(reverse("delivery:message", args=[message.pk]))
        assert page.status_code == 200 and "<script>alert(1)" not in page.content.decode()
    replies = client.get(reverse("delivery:replies", args=[mailing.pk])).content.decode()
    assert "&lt;script&gt;alert(1)" in replies and "\x1b" not in replies


def test_a_reply_of_megabytes_is_explained_in_no_time() -> None:
    for text in ("a" * 2_000_000, "5.1.1 " * 400_000, "user unknown ((((" * 100_000, "<" * 2_000_000):
        started = time.process_time()
        classify(Reply(550, text, None, Phase.RCPT), provider="gmail")
        assert time.process_time() - started < 0.1
