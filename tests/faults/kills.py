"""A worker is killed, ended or stopped, at every place of a message's way."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from django.conf import settings

from delivery.models import Attempt, Lease, MessageState
from tests.faults import workers
from tests.faults.scenes import PEOPLE
from tests.faults.stand import Stand, locked


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
    return goes_on_after_its_leases(stand, lambda: stand.worker.signal(signal.SIGCONT))


def stopped_in_a_transaction(stand: Stand) -> int:
    """Its session holds locks that everybody needs."""
    stand.midway()
    stand.answer(dot={"*": "WAIT 0.2"})
    with locked("delivery_tally"):  # final states are counted there
        workers.wait_for(lambda: workers.sessions_waiting_for_a_lock() > 0, seconds=20)
        stand.worker.signal(signal.SIGSTOP)
    stand.calm()
    return goes_on_after_its_leases(stand, lambda: stand.worker.signal(signal.SIGCONT))


def goes_on_after_its_leases(stand: Stand, wakes: Callable[[], None]) -> int:
    """Another worker does the rest, then the first one wakes. The most that may be unknown: the marks it held."""
    marks = workers.open_marks()
    leases = list(Lease.objects.filter(closed_at=None).values_list("pk", flat=True))
    stand.others.append(stand.scene.worker())
    over = Lease.objects.filter(pk__in=leases, closed_at=None)
    stand.until(lambda: not over.exists(), seconds=40)
    time.sleep(stand.chance.random())
    wakes()
    stand.drain()
    assert Lease.objects.filter(pk__in=leases, fence__gt=1).exists(), "nothing was taken from the first one"
    return marks
