"""The faults. Each happens in the middle of a campaign, which must then end by itself: loss 0, duplicates 0."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction

from config.embedded import postgres
from contacts import subscriptions
from contacts.models import Suppression
from delivery.models import Attempt, Lease, MessageState
from tests.faults import place, workers
from tests.faults.stand import PEOPLE, SLOW, Stand, locked
from tests.faults.workers import Worker

BUSY = "421 4.3.2 Too busy, try again later"
AWAY = 6.0 if os.environ.get("SHORT") else 30.0  # seconds of the database; a lease lasts 4
CHOSEN = 20


@dataclass(frozen=True)
class Row:
    """`hit` lets it happen and the campaign end; it returns the most people whose outcome may be unknown then."""

    fault: str
    hit: Callable[[Stand], int]
    runs: int = 3


def killed(stand: Stand) -> int:
    stand.midway()
    left = stand.kill()
    stand.go_on(unknown=left.connections)
    return left.connections


def killed_and_its_journal_lost(stand: Stand) -> int:
    """As when its machine is lost: nothing but the marks tells."""
    stand.midway()
    left = stand.kill()
    for file in settings.JOURNAL_DIR.glob("*.log"):
        file.unlink()
    stand.go_on(unknown=left.marks)
    return left.marks


def killed_before_the_dot(stand: Stand) -> int:
    stand.midway()
    stand.answer(data="WAIT 60")
    stand.quiet()
    stand.kill()
    stand.go_on(unknown=0)
    return 0


def killed_between_dot_and_reply(stand: Stand) -> int:
    stand.midway()
    stand.answer(dot={"*": "WAIT 60"})  # it is in their ledger by then
    stand.quiet()
    left = stand.kill()
    stand.go_on(unknown=left.connections)
    assert stand.people_in(MessageState.UNCERTAIN), "the kill came at another moment"
    return left.connections


def killed_between_reply_and_commit(stand: Stand) -> int:
    stand.midway()
    with locked("delivery_attempt"):  # a gate waits in the database, with the outcomes in it
        stand.quiet()
        known = Attempt.objects.filter(mailing_id=stand.mailing.pk, result=MessageState.DELIVERED).count()
        assert stand.accepted() > known, "no outcome was waiting to be committed"
        stand.worker.kill()
    stand.kill()
    stand.go_on(unknown=0)
    return 0


def terminated(stand: Stand) -> int:
    stand.midway()
    stand.answer(dot={"*": "WAIT 0.2"})  # else it would be through before a slice of work ends
    code = stand.worker.terminate()
    assert code == 0, f"it ended with {code}"
    assert stand.accepted() < PEOPLE, "nobody was left"
    assert workers.open_leases() == 0, "a lease was not given back"
    stand.go_on(unknown=0)
    return 0


def stopped_beyond_its_lease(stand: Stand) -> int:
    stand.midway()
    stand.worker.signal(signal.SIGSTOP)
    return _goes_on_after_its_leases(stand)


def stopped_in_a_transaction(stand: Stand) -> int:
    """Its session holds locks that everybody needs."""
    stand.midway()
    stand.answer(dot={"*": "WAIT 0.2"})
    with locked("delivery_tally"):  # final states are counted there
        workers.wait_for(lambda: workers.sessions_waiting_for_a_lock() > 0, seconds=20)
        stand.worker.signal(signal.SIGSTOP)
    stand.calm()
    return _goes_on_after_its_leases(stand)


def _goes_on_after_its_leases(stand: Stand) -> int:
    marks = workers.open_marks()
    leases = list(Lease.objects.filter(closed_at=None).values_list("pk", flat=True))
    stand.others.append(Worker())
    over = Lease.objects.filter(pk__in=leases, closed_at=None)
    workers.work_until(lambda: not over.exists(), seconds=40)
    time.sleep(stand.chance.random())
    stand.worker.signal(signal.SIGCONT)
    stand.drain()
    return marks


def database_restarts(stand: Stand) -> int:
    stand.midway()
    _without_database(0.0)
    stand.drain()
    return 0


def database_is_away(stand: Stand) -> int:
    stand.midway()
    _without_database(AWAY)
    stand.drain()
    return 0


def _without_database(seconds: float) -> None:
    postgres.stop(place.VAR, immediately=lambda: True)
    time.sleep(seconds)
    postgres.start(place.VAR)
    connection.close()


def broker_is_killed(stand: Stand) -> int:
    """Celery may end in order then, with code 1; the supervisor of `make up` starts it again."""
    stand.midway()
    stand.broker.kill()
    time.sleep(stand.chance.random() * 2)
    stand.broker.start()
    workers.work_until(lambda: stand.ended() or not stand.worker.alive())
    if not stand.worker.alive():
        stand.worker = Worker()
    stand.drain(codes=(0, 1))
    return 0


def broker_is_flushed(stand: Stand) -> int:
    stand.midway()
    stand.broker.flush()
    stand.drain()
    return 0


def busy_at_each_phase(stand: Stand) -> int:
    """Who was not given to RCPT goes back untouched, the others are deferred; nobody is suppressed."""
    phases = ["banner", "ehlo", "mail", "rcpt", "data", "dot"]
    stand.chance.shuffle(phases)
    stand.midway()
    for phase in phases:
        before = _told(stand, phase)
        script: dict[str, object] = {phase: {"*": BUSY} if phase in ("rcpt", "dot") else BUSY}
        if phase in ("banner", "ehlo"):
            script["mail"] = BUSY  # so that there are new connections
        stand.answer(**script)
        workers.work_until(lambda phase=phase, before=before: _told(stand, phase) > before)  # type: ignore[misc]
        stand.calm()
    stand.drain()
    refused = Attempt.objects.filter(mailing_id=stand.mailing.pk, code=421)
    results = set(refused.filter(phase__in=["mail", "rcpt", "data", "dot"]).values_list("phase", "result"))
    wanted = {("mail", Attempt.RETURNED)} | {(phase, MessageState.DEFERRED) for phase in ("rcpt", "data", "dot")}
    assert results == wanted, f"what became of 421: {results}"
    wrong = workers.number(
        "SELECT count(*) FROM delivery_message m WHERE mailing_id = %s AND attempts <> ("
        "SELECT count(*) FROM delivery_attempt a WHERE a.message_id = m.id AND a.result IN (1, 2))",
        stand.mailing.pk,
    )
    assert wrong == 0, f"{wrong} people's attempts are not those of the log"
    assert len(stand.people_in(MessageState.DELIVERED)) == PEOPLE, "not everybody has got it"
    stopped = Suppression.objects.filter(address_key__endswith=f"@{stand.domain}").count()
    assert stopped == 0, f"{stopped} were suppressed"
    return 0


def _told(stand: Stand, phase: str) -> int:
    """How many were told what that phase answers now."""
    if phase == "dot":
        return Attempt.objects.filter(mailing_id=stand.mailing.pk, code=421, phase="dot").count()
    stats = stand.receiver.stats()
    return int(stats["connections"] if phase == "banner" else stats["commands"].get(phase.upper(), 0))


def cut_after_the_dot_stored(stand: Stand) -> int:
    return _cut_after_the_dot(stand, "ACCEPT ")


def cut_after_the_dot_not_stored(stand: Stand) -> int:
    return _cut_after_the_dot(stand, "")


def _cut_after_the_dot(stand: Stand, stored: str) -> int:
    """Half of them by a close, half by a reset: never a silent "deferred"."""
    chosen = stand.chance.sample(range(PEOPLE), CHOSEN)
    halves = [f"p({'|'.join(map(str, half))})" for half in (chosen[::2], chosen[1::2])]
    stand.answer(dot={halves[0]: f"{stored}DROP", halves[1]: f"{stored}RST", "*": SLOW})
    stand.drain()
    people = {stand.address(number) for number in chosen}
    unknown = stand.people_in(MessageState.UNCERTAIN)
    assert unknown == people, f"unknown though answered: {unknown - people}; not unknown: {people - unknown}"
    assert (stand.taken() & people) == (people if stored else set()), "the receiver stored others than it was to"
    return CHOSEN


def suppressed(stand: Stand) -> int:
    """In one transaction. Who has no mark when it commits gets nothing; a mark before it may still go out."""
    chosen = {stand.address(number) for number in stand.chance.sample(range(PEOPLE), PEOPLE // 6)}
    stand.midway()
    with transaction.atomic():
        for address in sorted(chosen):
            subscriptions.suppress(
                stand.mailing.workspace_id, address, Suppression.Reason.MANUAL, source="tests.faults"
            )
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        committed = cursor.fetchone()[0]
    stand.drain()
    late = workers.number(
        "SELECT count(*) FROM delivery_attempt a, unnest(a.ids) AS marked JOIN delivery_message m ON m.id = marked"
        " WHERE a.mailing_id = %s AND a.values_at > %s AND m.rcpt = ANY(%s)",
        stand.mailing.pk, committed, list(chosen),
    )  # fmt: skip
    assert late == 0, f"{late} were marked after the commit"
    cancelled = stand.people_in(MessageState.CANCELLED)
    assert cancelled, "the commit came too late"
    assert cancelled <= chosen, f"cancelled and not suppressed: {cancelled - chosen}"
    assert len(stand.taken()) + len(cancelled) == PEOPLE, "somebody got nothing and is not cancelled"
    return 0


ROWS = [
    Row("kill -9 worker, at random", killed, 20),
    Row("kill -9 worker, its journal lost", killed_and_its_journal_lost, 20),
    Row("kill -9 worker, before the dot", killed_before_the_dot, 20),
    Row("kill -9 worker, between dot and 250", killed_between_dot_and_reply, 20),
    Row("kill -9 worker, between 250 and commit", killed_between_reply_and_commit, 20),
    Row("SIGTERM of the worker", terminated, 20),
    Row("worker stopped beyond its lease", stopped_beyond_its_lease),
    Row("worker stopped in a transaction", stopped_in_a_transaction),
    Row("PostgreSQL restarted (immediate)", database_restarts, 20),
    Row(f"PostgreSQL {AWAY:.0f} s away", database_is_away),
    Row("broker killed and restarted", broker_is_killed, 20),
    Row("broker flushed", broker_is_flushed),
    Row("421 at each phase", busy_at_each_phase),
    Row("cut after the dot, stored", cut_after_the_dot_stored, 20),
    Row("cut after the dot, not stored", cut_after_the_dot_not_stored, 20),
    Row("suppression in mid-campaign", suppressed),
]
