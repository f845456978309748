"""How many delivery reports a second the listener stores: over loopback, each committed and acted on before its 250."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

from tests.bench.place import ROOT
from tests.browser.product import free_port

REPORTS = 10_000  # there are no more, however fast it is
SECONDS = float(os.environ.get("BENCH_LISTENER_SECONDS", "5"))
CONNECTIONS = 10
READY_SECONDS = 30

_MESSAGES = """
    INSERT INTO delivery_message (mailing_id, rcpt, domain_id, state, attempts)
    SELECT %s, 'p' || i || '@example.net', %s, 2, 1 FROM generate_series(1, %s) i RETURNING id, rcpt
"""
_REPORT = """From: MAILER-DAEMON@mx.example.net\r
To: <{path}>\r
Subject: Undelivered Mail Returned to Sender\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary=b\r
\r
--b\r
Content-Type: text/plain\r
\r
I'm sorry to have to inform you that your message could not be delivered.\r
\r
--b\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.example.net\r
\r
Final-Recipient: rfc822; {rcpt}\r
Action: failed\r
Status: 5.2.2\r
Diagnostic-Code: smtp; 552 5.2.2 Mailbox full\r
\r
--b\r
Content-Type: message/rfc822-headers\r
\r
Subject: News\r
\r
--b--\r
.\r
"""


@dataclass(frozen=True)
class Pace:
    """Reports that were stored in so many seconds."""

    reports: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.reports / self.seconds


def measure() -> Pace:
    rcpts = _rcpts()
    port = free_port()
    environment = os.environ | {"LISTENER_PORT": str(port)}
    command = [sys.executable, "manage.py", "listener"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            pace = asyncio.run(_post_all(port, rcpts))
        finally:
            process.terminate()
    return _judged(pace)


def show(pace: Pace) -> None:
    print(f"\nlistener: {pace.rate:,.0f} delivery reports/s stored over {CONNECTIONS} connections ({pace.reports:,})")


def _rcpts() -> list[tuple[str, str]]:
    """The return path and the recipient of each message of a mailing."""
    from django.db import connection

    from delivery.keyring import keyring
    from delivery.models import Domain, Mailing
    from tests.delivery.factories import mailing
    from tests.factories import make_workspace

    of = mailing(make_workspace("Bench of the listener"))
    Mailing.objects.filter(pk=of.pk).update(state="sending")
    domain, _new = Domain.objects.get_or_create(name="example.net")
    with connection.cursor() as cursor:
        cursor.execute(_MESSAGES, [of.pk, domain.pk, REPORTS])
        made = cursor.fetchall()
    host = of.from_address.sending_domain.return_path_host
    return [(f"{keyring().return_path_local(pk)}@{host}", rcpt) for pk, rcpt in made]


async def _post_all(port: int, rcpts: list[tuple[str, str]]) -> Pace:
    """From the first report to the last 250."""
    peers = [await _connect(port) for _ in range(CONNECTIONS)]
    began = time.monotonic()
    end = began + SECONDS
    posted = await asyncio.gather(*(_post(peer, rcpts[at::CONNECTIONS], end) for at, peer in enumerate(peers)))
    seconds = time.monotonic() - began
    for _reader, writer in peers:
        writer.close()
    return Pace(sum(posted), seconds)


async def _connect(port: int) -> Any:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            peer = await asyncio.open_connection("127.0.0.1", port)
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)
    peer[1].write(b"HELO bench.example\r\n")
    for _ in range(2):
        await peer[0].readline()
    return peer


async def _post(peer: Any, rcpts: list[tuple[str, str]], end: float) -> int:
    """How many were stored until then."""
    reader, writer = peer
    for number, (path, rcpt) in enumerate(rcpts):
        if time.monotonic() > end:
            return number
        writer.write(f"MAIL FROM:<>\r\nRCPT TO:<{path}>\r\nDATA\r\n".encode())
        for _ in range(3):
            await reader.readline()
        writer.write(_REPORT.format(path=path, rcpt=rcpt).encode())
        answer = await reader.readline()
        assert answer.startswith(b"250"), answer
    return len(rcpts)


def _judged(pace: Pace) -> Pace:
    """Only what is in the database counts."""
    from delivery.models import IncomingReport

    stored = IncomingReport.objects.filter(message_id__isnull=False).count()
    assert stored == pace.reports, f"{stored} of {pace.reports} are stored"
    return pace
