"""Whoever settles outcomes and whoever changes the mailing they belong to never wait for each other in a circle."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from delivery import mailings
from delivery.models import MessageState
from delivery.queue.counts import counts
from delivery.queue.outcomes import Outcome
from delivery.queue.settle import settle
from tests.delivery.queue import world

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def under_way(work: Callable[[], object]) -> Iterator[None]:
    """Done on a connection of its own, which commits half a second later."""
    done = threading.Event()
    failed: list[Exception] = []

    def run() -> None:
        try:
            with transaction.atomic():
                work()
                done.set()
                time.sleep(0.5)
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    other = threading.Thread(target=run)
    other.start()
    assert done.wait(20)
    yield
    other.join()
    assert not failed, failed


def test_who_was_held_is_released_while_others_are_being_held() -> None:
    mailing = world.sending(4)
    first, second, third, fourth = mailing.messages.order_by("pk").values_list("pk", flat=True)

    def hold(one: int, other: int) -> None:
        # The other's row of a deferral is new, so that it locks the mailing when it is committed.
        outcomes = [Outcome(one, MessageState.HELD), Outcome(other, MessageState.DEFERRED, delay=60)]
        settle(outcomes, mailing=mailing.pk, lane="all", site=None)

    hold(first, third)
    with under_way(lambda: hold(second, fourth)):
        assert mailings.release_held(mailing) == 2
    assert counts(mailing).held == 0
