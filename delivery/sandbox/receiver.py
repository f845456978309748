"""The sandbox's SMTP receiver: takes mail on loopback and keeps it; nothing of it ever leaves."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable

from delivery.sandbox.answers import SLOW_SECONDS, Deed, answer
from delivery.sandbox.store import Store, Taken
from delivery.smtp.server import Answer, Conversation

DEFERRED_KEPT = 100_000  # first tries that are remembered


class Deferred:
    """Which (return path, recipient) pairs have been put off once. A restart forgets them: put off once more."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def first(self, mail_from: str, rcpt: str) -> bool:
        """True the first time."""
        if (mail_from, rcpt) in self._seen:
            return False
        self._seen[mail_from, rcpt] = None
        while len(self._seen) > DEFERRED_KEPT:
            self._seen.popitem(last=False)
        return True


class SandboxConversation(Conversation):
    """Answers as the recipients' addresses ask."""

    name = "sandbox.shirase"

    def __init__(self, store: Store, deferred: Deferred, time_scale: float = 1.0) -> None:
        super().__init__()
        self._store, self._deferred, self._time_scale = store, deferred, time_scale

    def rcpt(self, address: str) -> Answer | Awaitable[Answer]:
        asked = answer(address)
        if asked.deed is Deed.REFUSE:
            return asked.reply.encode()
        if asked.deed is Deed.DEFER and self._deferred.first(self.mail_from or "", address):
            return asked.reply.encode()
        return b"250 2.1.5 OK"

    def message(self, data: bytes) -> Answer | Awaitable[Answer]:
        deeds = {answer(rcpt).deed for rcpt in self.rcpts}
        if not deeds:
            return b"554 5.5.1 No valid recipients"
        text = data.replace(b"\r\n", b"")
        if b"\r" in text or b"\n" in text:
            return b"554 5.6.0 A bare CR or LF"  # what we send has none: better seen here than elsewhere
        return None if Deed.DROP in deeds else self._keep(data, slow=Deed.SLOW in deeds)

    async def _keep(self, data: bytes, *, slow: bool) -> Answer:
        taken = [Taken(self.mail_from or "", rcpt, data) for rcpt in self.rcpts]
        kept = await asyncio.gather(*(self._store.keep(one) for one in taken))
        if slow:
            await asyncio.sleep(SLOW_SECONDS * self._time_scale)
        return b"250 2.0.0 Kept in the sandbox" if all(kept) else b"451 4.3.0 The database is not there"


async def serve(host: str, port: int, *, time_scale: float = 1.0) -> tuple[asyncio.Server, Store]:
    """A receiver that takes connections. To end it: close the server, then `await store.close()`."""
    store, deferred = Store(), Deferred()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SandboxConversation(store, deferred, time_scale), host, port, backlog=256, reuse_address=True
    )
    return server, store
