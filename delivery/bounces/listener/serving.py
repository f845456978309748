"""The listener as a process: its socket, its certificate, its sign of life."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import Error, connection
from django.utils import timezone

from delivery.bounces.listener import certificate
from delivery.bounces.listener.conversation import Reception
from delivery.bounces.listener.hall import Bounds, Hall
from delivery.models import ListenerSeen

BEAT_SECONDS = 15.0
GRACE_SECONDS = 8.0
SMTP_PORT = 25  # where LMTP must not be spoken (RFC 2033, 5)

log = logging.getLogger(__name__)


@dataclass
class Listener:
    """Takes connections from `start` to `end`."""

    server: asyncio.Server
    hall: Hall
    certificate: certificate.Certificate

    async def end(self) -> None:
        self.server.close()
        await self.hall.end(GRACE_SECONDS)

    async def beat(self) -> None:
        """For ever: says in the database that it is here, and reads a renewed certificate."""
        while True:
            await asyncio.to_thread(_say_here)
            try:
                self.certificate.reread()
            except OSError as error:
                log.warning("The listener keeps its old certificate, since the new one cannot be read: %s", error)
            await asyncio.sleep(BEAT_SECONDS)


async def start(host: str, port: int, bounds: Bounds | None = None) -> Listener:
    """Raises OSError when it cannot listen there, or its certificate cannot be read."""
    hall = Hall((bounds or Bounds()).scaled(settings.TIME_SCALE))
    shown = _certificate()

    def reception() -> Reception:
        return Reception(hall, name=settings.SMTP_HOSTNAME, tls=shown.context, lmtp=port != SMTP_PORT)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(reception, host, port, backlog=256, reuse_address=True)
    return Listener(server, hall, shown)


def _certificate() -> certificate.Certificate:
    if settings.LISTENER_CERTIFICATE:
        given = Path(settings.LISTENER_CERTIFICATE)
        return certificate.Certificate(given, Path(settings.LISTENER_KEY or given))
    made = certificate.own(settings.VAR / "listener.pem", settings.SMTP_HOSTNAME, timezone.now())
    return certificate.Certificate(made, made)


def _say_here() -> None:
    with suppress(Error):
        host = f"{socket.gethostname()}:{settings.LISTENER_PORT}"
        ListenerSeen.objects.update_or_create(name=host[:255], defaults={"seen_at": timezone.now()})
    connection.close()
