"""The SMTP and LMTP receiver of bounces and reports: `manage.py listener`."""

from __future__ import annotations

import asyncio
import signal

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from delivery.bounces.listener import serving


class Command(BaseCommand):
    help = "Receives bounces and feedback reports by SMTP or LMTP; mail to anybody else is refused."

    def handle(self, *args: object, **options: object) -> None:
        try:
            uvloop.run(self._run())
        except OSError as error:
            where = f"{settings.LISTENER_HOST}:{settings.LISTENER_PORT}"
            raise CommandError(f"The listener cannot start on {where}: {error}") from error

    async def _run(self) -> None:
        listener = await serving.start(settings.LISTENER_HOST, settings.LISTENER_PORT)
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        self.stdout.write(f"Listener for bounces on {settings.LISTENER_HOST}:{settings.LISTENER_PORT}")
        beating = asyncio.create_task(listener.beat())
        await stopped.wait()
        beating.cancel()
        await listener.end()
