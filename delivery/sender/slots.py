"""Connections that all workers share: a slot is a session lock of the database, so that a dead worker frees its own."""

from __future__ import annotations

import asyncio
import zlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from django.db import DatabaseError, InterfaceError, connection

_SPACE = 0x5117_0000  # keeps our locks apart from others' in the same database
POLL_SECONDS = 0.5  # how often to see whether another process has let go


@dataclass(slots=True, eq=False)
class Grip:
    """What one connection holds: a slot of every limit that counts it, by key. Empty where nothing is limited."""

    slots: dict[str, int] = field(default_factory=dict)


class Slots:
    """All calls must come from one thread: the locks belong to its connection. They raise what the database raises."""

    def __init__(self) -> None:
        self._grips: set[Grip] = set()
        self._session: object = None

    def take(self, shared: Sequence[tuple[str, int]]) -> Grip | str:
        """A slot of each of these limits (key, most), or of none: then the key of the first that is full.

        Nobody waits here with a slot in hand, so that no two workers can wait for each other.
        """
        grip = Grip()
        with self._locking():
            for key, most in shared:
                slot = self._free_slot(key, most)
                if slot is None:
                    self._unlock(grip)
                    return key
                grip.slots[key] = slot
        self._grips.add(grip)
        return grip

    def give(self, grip: Grip) -> None:
        self._grips.discard(grip)
        with self._locking():
            self._unlock(grip)

    def close(self) -> None:
        """The locks go with their session."""
        connection.close()

    @contextmanager
    def _locking(self) -> Iterator[None]:
        """A session that holds all grips, and nothing else after an error."""
        try:
            connection.ensure_connection()
            if self._session is not connection.connection:
                self._take_again()
                self._session = connection.connection
            yield
        except (DatabaseError, InterfaceError):
            connection.close()
            raise

    def _take_again(self) -> None:
        """The session was lost and its locks with it: those that nobody took meanwhile are ours again."""
        for grip in self._grips:
            grip.slots = {key: slot for key, slot in grip.slots.items() if _lock(key, [slot])}

    def _free_slot(self, key: str, most: int) -> int | None:
        # A session may take its own lock again: those it holds are left out.
        held = {grip.slots.get(key) for grip in self._grips}
        return _lock(key, [slot for slot in range(1, most + 1) if slot not in held])

    def _unlock(self, grip: Grip) -> None:
        with connection.cursor() as cursor:
            for key, slot in grip.slots.items():
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_number(key), slot])


def _lock(key: str, slots: Sequence[int]) -> int | None:
    """The first of these slots that is free; it is ours then."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT slot FROM unnest(%s::int[]) AS slot WHERE pg_try_advisory_lock(%s, slot) LIMIT 1",
            [list(slots), _number(key)],
        )
        row = cursor.fetchone()
    return int(row[0]) if row else None


def _number(key: str) -> int:
    return (zlib.crc32(key.encode()) ^ _SPACE) - 2**31


class Sharing:
    """The slots as the event loop sees them, and who of this process waits for which limit, in turn."""

    def __init__(self) -> None:
        self._slots = Slots()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="slots")
        self._waiting: defaultdict[str, deque[asyncio.Future[None]]] = defaultdict(deque)

    async def take(self, shared: Sequence[tuple[str, int]], may_wait: Callable[[], bool]) -> Grip | None:
        """None once it may not wait any longer, and when the database does not answer: slow, never open."""
        if not shared:
            return Grip()
        found = next((key for key, _ in shared if self._waiting[key]), None) or await self._ask(shared)
        while isinstance(found, str):
            if not may_wait():
                return None
            await self._turn(found)
            found = await self._ask(shared) if may_wait() else None
        return found

    async def give(self, grip: Grip) -> None:
        if not grip.slots:
            return
        keys = list(grip.slots)
        with suppress(DatabaseError, InterfaceError):  # the locks go with their session
            await asyncio.get_running_loop().run_in_executor(self._thread, self._slots.give, grip)
        for key in keys:
            if first := next((turn for turn in self._waiting[key] if not turn.done()), None):
                first.set_result(None)

    def wanted(self, grip: Grip) -> bool:
        """Whether somebody waits for what this one holds."""
        return any(self._waiting[key] for key in grip.slots)

    def close(self) -> None:
        self._thread.submit(self._slots.close)
        self._thread.shutdown()

    async def _ask(self, shared: Sequence[tuple[str, int]]) -> Grip | str | None:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._slots.take, shared)
        except (DatabaseError, InterfaceError):
            return None

    async def _turn(self, key: str) -> None:
        """Until a slot of this limit was given back here, or may have been elsewhere."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting[key].append(turn)
        try:
            await asyncio.wait([turn], timeout=POLL_SECONDS)
        finally:
            self._waiting[key].remove(turn)
