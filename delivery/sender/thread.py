"""The thread with the event loop. A Celery task asks it to take work for some seconds; what it took goes on after."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

import uvloop

from delivery.sender.process import Process


class SendThread:
    """Started on first use, since a forked child must not inherit it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process: Process | None = None
        self._thread: threading.Thread | None = None
        self._working = False

    def work(self, seconds: float) -> bool:
        """Take leases for so long. Whether there was more to take; False at once if somebody else has asked."""
        with self._lock:
            if self._working:
                return False
            self._working = True
            self._ensure()
        try:
            return bool(self._submit(self._work(seconds)).result())
        finally:
            self._working = False

    async def _work(self, seconds: float) -> bool:
        if self._process is not None and self._process.broken:
            await self._process.close()
            self._process = None
        if self._process is None:
            self._process = Process()
        return await self._process.work(asyncio.get_running_loop().time() + seconds)

    def close(self) -> None:
        """SIGTERM: open dots are waited for, the rest is given back. Safe to call twice."""
        with self._lock:
            if self._loop is None or self._thread is None:
                return
            self._submit(self._close()).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop = self._thread = self._process = None

    async def _close(self) -> None:
        if self._process is not None:
            await self._process.close()

    def _ensure(self) -> None:
        if self._thread is None:
            self._loop = uvloop.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="send", daemon=True)
            self._thread.start()

    def _submit(self, work: Any) -> Future[Any]:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop)


thread = SendThread()
