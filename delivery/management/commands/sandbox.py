"""The sandbox's SMTP receiver: `manage.py sandbox`."""

from __future__ import annotations

import asyncio
import signal

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from delivery import furnishing
from delivery.sandbox.receiver import serve


class Command(BaseCommand):
    help = "Receives the mail of the sandbox route and keeps it for the sandbox mailbox; nothing is sent on."

    def handle(self, *args: object, **options: object) -> None:
        try:
            uvloop.run(self._run())
        except OSError as error:
            where = f"{settings.SANDBOX_HOST}:{settings.SANDBOX_PORT}"
            raise CommandError(f"The sandbox cannot listen on {where}: {error.strerror}") from error

    async def _run(self) -> None:
        server, store = await serve(settings.SANDBOX_HOST, settings.SANDBOX_PORT, time_scale=settings.TIME_SCALE)
        await asyncio.to_thread(furnishing.receiver_started)
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        self.stdout.write(f"Sandbox receiver on {settings.SANDBOX_HOST}:{settings.SANDBOX_PORT}")
        await stopped.wait()
        server.close()
        await store.close()
