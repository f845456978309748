"""One campaign to a scripted receiver by the product's own worker, and what a fault needs to come at its moment."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

import psycopg
from django.utils import timezone

from accounts import fields
from config.embedded import places, postgres
from contacts.models import List
from delivery.models import Brakes, Lease, Mailing, Message, MessageState, Route
from tests.delivery.queue.world import World
from tests.faults import invariants, place, workers
from tests.faults.broker import Broker
from tests.faults.scenes import CALM, PEOPLE, Scene
from tests.faults.workers import Worker
from tests.servers.receiver import Acceptance, Receiver

ENDS_WITHIN = place.LEASE_SECONDS + 60.0


@dataclass(frozen=True)
class Left:
    """What was under way at the moment of a kill: at most so many connections, and exactly so many marks."""

    connections: int
    marks: int


@dataclass(frozen=True)
class Chosen:
    """Some of the people, and the receiver's expression for them."""

    people: set[str]
    pattern: str


@dataclass
class Stand:
    """`worker` is the one that a fault happens to."""

    number: int
    chance: random.Random
    scene: Scene
    broker: Broker
    mailing: Mailing
    worker: Worker
    others: list[Worker] = field(default_factory=list)
    struck_at: float = 0.0  # of the monotonic clock
    recovered_after: float = 0.0  # seconds from the fault until the campaign had ended
    _free: list[int] = field(default_factory=lambda: list(range(PEOPLE)))  # not chosen yet

    @property
    def receiver(self) -> Receiver:
        """The only one, or the well one."""
        return self.scene.receivers[0]

    def until(self, true: Callable[[], bool], *, seconds: float = ENDS_WITHIN) -> None:
        """Until it is true; meanwhile we do what beat does, where none runs."""
        (workers.wait_for if self.scene.has_beat else workers.work_until)(true, seconds=seconds)

    # Before the fault.

    def midway(self) -> None:
        """Some moment between a twelfth and the half of the campaign, while marks are open."""
        wanted = self.chance.randrange(PEOPLE // 12, PEOPLE // 2)
        self.until(lambda: self.accepted() >= wanted and workers.open_marks() > 0)
        time.sleep(self.chance.random() * 0.05)
        self.struck_at = time.monotonic()

    def quiet(self) -> None:
        """Until nothing more is accepted; marks are open."""
        seen, since = -1, 0.0

        def still() -> bool:
            nonlocal seen, since
            now, accepted = time.monotonic(), self.accepted()
            if accepted != seen:
                seen, since = accepted, now
            return now - since > 0.3

        workers.wait_for(still, seconds=20)
        assert workers.open_marks() > 0, "the fault came too late: no marks are open"

    def accepted(self) -> int:
        return int(self.receiver.stats()["accepted"])

    def answer(self, **script: object) -> None:
        self.receiver.answer(**script)

    def calm(self) -> None:
        """The receiver is its normal self again."""
        self.receiver.answer(**CALM)

    def kill(self) -> Left:
        before = self.receiver.stats()
        self.worker.kill()
        workers.wait_for(lambda: self.receiver.stats()["open"] == 0 and workers.sessions() == 0, seconds=10)
        opened = self.receiver.stats()["connections"] - before["connections"]  # since we asked
        return Left(before["open"] + opened, workers.open_marks())

    # After it.

    def go_on(self, *, unknown: int) -> None:
        """What the dead worker left is recovered, at most so many people unknown; another one does the rest."""
        workers.recover_all()
        invariants.check(self.mailing, self.ledger())
        found = self.people_in(MessageState.UNCERTAIN)
        assert len(found) <= unknown, f"{len(found)} unknown, and at most {unknown} can have been under way"
        self.calm()
        self.worker = self.scene.worker()
        self.drain()

    def drain(self, *, codes: Collection[int] = (0,)) -> None:
        """Until the campaign has ended and all workers have gone, with one of these exit codes."""
        while not self.recovered_after or not self.ended():
            self.until(self.ended, seconds=ENDS_WITHIN)
            self.recovered_after = time.monotonic() - self.struck_at
            assert self.recovered_after < ENDS_WITHIN, f"it took {self.recovered_after:.0f} s"
            for worker in (self.worker, *self.others):
                code = worker.terminate()
                assert code in codes, f"a worker ended with {code} at SIGTERM"
            self.others.clear()
            workers.recover_all()
            if not self.ended():  # what came late has opened it again
                self.worker = self.scene.worker()

    def ended(self) -> bool:
        self.mailing.refresh_from_db()
        return self.mailing.finished_at is not None

    def people_in(self, state: MessageState) -> set[str]:
        """Their addresses."""
        return set(Message.objects.filter(mailing=self.mailing, state=state).values_list("rcpt", flat=True))

    def taken(self) -> set[str]:
        """The addresses in the receivers' ledgers."""
        return {line.rcpt for line in self.ledger()}

    def ledger(self) -> list[Acceptance]:
        return [line for receiver in self.scene.receivers for line in receiver.ledger()]

    def chosen(self, number: int, *, waiting: bool = False) -> Chosen:
        """So many people, others each time; `waiting`: of those whom the receiver has not taken yet."""
        self.chance.shuffle(self._free)
        if waiting:
            taken = self.taken()
            self._free.sort(key=lambda n: self.address(n) in taken)
        numbers, self._free = self._free[:number], self._free[number:]
        return Chosen({self.address(n) for n in numbers}, f"p({'|'.join(map(str, numbers))})")

    def domain(self, site: int) -> str:
        """Of direct delivery; 0 is the well one."""
        return f"s{site}-r{self.number}.example"

    def address(self, number: int) -> str:
        return self.scene.addresses[number]


@contextmanager
def stand(
    world: World, broker: Broker, scene: Callable[[int, ExitStack], Scene], *, number: int, chance: random.Random
) -> Iterator[Stand]:
    """A campaign of its own in the common workspace, just launched. `number` sets it apart from the others."""
    with ExitStack() as ends:
        made = scene(number, ends)
        route = Route(name=f"Run {number}", **made.route)
        if made.password:
            fields.seal(route, "password_sealed", made.password)
        route.save()
        # A fault is no reason to pause here, nor to let a person look first.
        never = {"unknown_users": None, "blocks": None, "complaints": None, "stops": None}
        Brakes.objects.update_or_create(workspace=world.workspace, defaults=never)
        people = List.objects.create(workspace=world.workspace, name=f"Run {number}", list_id_label=f"run{number}")
        here = replace(world, list=people, route=route)
        here.people(made.addresses)
        found = Stand(number, chance, made, broker, here.mailing(), made.worker())
        found.struck_at = time.monotonic()
        try:
            yield found
        finally:
            for worker in (found.worker, *found.others):
                worker.kill()
            _leave_nothing_open(found.mailing)


def _leave_nothing_open(mailing: Mailing) -> None:
    """A row that failed must not go on in the next one."""
    Mailing.objects.filter(pk=mailing.pk, finished_at=None).update(
        state=Mailing.State.STOPPED, finished_at=timezone.now()
    )
    Lease.objects.filter(closed_at=None).update(closed_at=timezone.now())


@contextmanager
def locked(table: str) -> Iterator[None]:
    """Nobody can write to this table meanwhile."""
    server = places.postgres_place(place.VAR)
    with psycopg.connect(**postgres.dsn(server)) as session:
        session.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        yield
