"""A message that kills its worker: whichever builds it gets kill -9 while it does."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from django.conf import settings

from contacts.models import Contact
from delivery import contents, mailings
from delivery.models import Mailing, Message, MessageException, MessageState
from delivery.queue.recovery import CRASHED, MOST_CRASHES
from tests.delivery.queue.world import FROZEN
from tests.faults import workers
from tests.faults.stand import Stand

HEAVY = "kills its worker " * 20_000  # building it takes milliseconds, in which the watcher looks many times
HEAD = 64


def kills_its_worker(stand: Stand) -> int:
    """The third time it is held, and everybody else gets theirs. Then a person leaves it out."""
    poison = min(stand.chosen(1).people)
    html = FROZEN.html.replace("Hello", "Hello {{ contact.fields.heavy }}")
    stored = contents.store(stand.mailing.workspace, replace(FROZEN, hash="1" * 64, html=html))
    Mailing.objects.filter(pk=stand.mailing.pk).update(content=stored)
    Contact.objects.filter(address=poison).update(fields={"heavy": HEAVY})
    of_poison = Message.objects.filter(mailing=stand.mailing, rcpt=poison)
    stand.until(of_poison.exists)
    message = of_poison.get()

    before = stand.receiver.stats()["connections"]
    with _killed_while_building(stand, message.pk):
        for _ in range(MOST_CRASHES):
            stand.until(lambda: not stand.worker.alive())
            stand.struck_at = time.monotonic()
            workers.recover_all()
            stand.worker = stand.scene.worker()
    opened = int(stand.receiver.stats()["connections"] - before)
    told = MessageException.objects.filter(message=message).values_list("state", "cause").first()
    assert told == (MessageState.HELD, CRASHED), f"it is {told}"
    assert mailings.drop_held(stand.mailing) == 1
    stand.drain()
    assert poison not in stand.taken()
    return opened


@contextmanager
def _killed_while_building(stand: Stand, message: int) -> Iterator[None]:
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(stand, message, over))
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _watch(stand: Stand, message: int, over: threading.Event) -> None:
    """The journals' first lines say what is being built. A dead worker's says it for ever: it is not read again."""
    wanted, dead = b" %d ." % message, set()
    while not over.is_set():
        for path in set(settings.JOURNAL_DIR.glob("*.log")) - dead:
            if wanted in _head(path):
                if stand.worker.alive():
                    stand.worker.signal(signal.SIGKILL)
                dead.add(path)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb", buffering=0) as file:
            return file.read(HEAD)
    except FileNotFoundError:
        return b""
