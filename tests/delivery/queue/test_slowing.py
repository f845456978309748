"""Receivers that ask us to slow down: over real SMTP, judged by what the receiver itself let in.

Time runs five times as fast, and with it everything that a busy machine does late, so that the shares asked for are
loose; SLOWING_SCALE=1 runs the same in real time (twelve minutes) and asks for those that are promised.
"""

from __future__ import annotations

import math
import os
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from delivery import slowdowns, throttle
from delivery.models import Bucket, Message, Run, Site
from delivery.queue import ticks
from delivery.sender import known_limits
from delivery.sender.thread import SendThread
from delivery.slowdowns import Refusal
from tests.delivery.queue import world
from tests.servers.fixtures import StartReceiver
from tests.servers.receiver import Receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.alone]
SCALE = float(os.environ.get("SLOWING_SCALE", "0.2"))
SERVED, AWAY = (0.85, 0.03) if SCALE == 1 else (0.5, 0.06)
FAST = "421 4.7.0 Too fast, slow down"
EVERYWHERE = dict.fromkeys(("banner", "ehlo", "mail"), f"CLOSE {FAST}")
AT_RCPT = {"rcpt": "450 4.7.1 Rate limit exceeded, slow down"}
MINUTE = 60 * SCALE
MINUTES = 1 if SCALE == 1 else 4  # until one of them must be well served
RATE = 40.0


@pytest.fixture(autouse=True)
def scaled(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TIME_SCALE = SCALE
    monkeypatch.setattr(throttle, "SLICE", throttle.SLICE * SCALE)
    monkeypatch.setattr(known_limits, "LIMITS_SECONDS", known_limits.LIMITS_SECONDS * SCALE)


def allow(rate: float, answers: dict[str, str]) -> dict[str, Any]:
    return {"rate": rate, "window": 1.0, "counted": list(answers)[-1], "answers": answers}


def work(thread: SendThread, minutes: float) -> None:
    over = time.monotonic() + minutes * MINUTE
    while (left := over - time.monotonic()) > 0:
        ticks.advance()
        thread.work(min(left, 1.0))
        time.sleep(0.01)


def served(thread: SendThread, server: Receiver) -> tuple[float, float]:
    """In a minute: messages a second, and the share of those that were turned away."""
    before, began = server.stats(), time.monotonic()
    work(thread, 1)
    after, seconds = server.stats(), time.monotonic() - began
    accepted, away = (after[name] - before[name] for name in ("accepted", "turned_away"))
    return accepted / seconds, away / (accepted + away)


def in_some_minute(thread: SendThread, server: Receiver, allowed: float) -> tuple[float, float]:
    """As `served`, of the first minute that is near what is allowed: a machine that others keep busy now may be free in
    a while, a rate that was driven down for good comes to no such minute."""
    for _ in range(MINUTES):
        rate, away = served(thread, server)
        if rate >= SERVED * allowed and away < AWAY:
            break
    return rate, away


def test_a_receiver_that_says_421_wherever_we_are_gets_a_slower_stream(
    receivers: StartReceiver, send_thread: SendThread
) -> None:
    server = receivers({"allow": allow(RATE, EVERYWHERE), "fsync": False})
    world.sending(12_000, server)
    work(send_thread, 2)

    rate, away = in_some_minute(send_thread, server, RATE)

    assert rate >= SERVED * RATE
    assert away < AWAY
    assert not Message.objects.filter(attempts__gt=1).exists(), "nothing was said about anybody"


def test_refusals_at_rcpt_are_followed_down_and_up(receivers: StartReceiver, send_thread: SendThread) -> None:
    server = receivers({"allow": allow(RATE, AT_RCPT), "fsync": False})
    world.sending(25_000, server)
    for allowed in (RATE, RATE / 2, RATE) if SCALE == 1 else (RATE / 2, RATE):
        server.answer(allow=allow(allowed, AT_RCPT))
        work(send_thread, 2)
        rate, away = in_some_minute(send_thread, server, allowed)
        assert rate >= SERVED * allowed
        assert away < AWAY

    (asked,) = slowdowns.current()
    assert (asked.cause, asked.site) == ("rate_limited", None)
    assert asked.since < timezone.now() < asked.until


# What is remembered.


def refusal(**values: Any) -> Refusal:
    here = {"key": "route:1", "route": 1, "site": None, "cause": "rate_limited", "sent": 0.0, "taken": 0.1}
    return Refusal(**(here | {"measured": 40.0} | values))


def test_many_refusals_of_one_wave_halve_the_rate_once(settings: Any) -> None:
    settings.TIME_SCALE = 10  # so that it is one wave on any machine
    answers = [slowdowns.heard(refusal(measured=0.0 if known else 40.0)) for known in range(20)]

    (asked,) = slowdowns.current()
    assert answers == [0.0, *[None] * 19]
    assert (asked.refused, asked.key) == (40.0, "route:1")
    assert asked.rate() == pytest.approx(20.0, rel=0.2)


@pytest.mark.parametrize(("limit", "refused"), [(math.inf, 80), (60, 60), (30, 30)])
def test_what_workers_got_through_together_was_refused(limit: float, refused: float, settings: Any) -> None:
    settings.TIME_SCALE = 10
    for measured in (40.0, 30.0, 10.0):
        slowdowns.heard(refusal(measured=measured, rate=limit))

    (asked,) = slowdowns.current()
    assert asked.refused == refused


def test_where_nothing_gets_through_the_door_is_shut_for_a_second_doubling() -> None:
    shut = []
    for _ in range(4):
        shut.append(slowdowns.heard(refusal(taken=math.inf, measured=0.0)))
        Bucket.objects.update(closed_until=timezone.now())

    assert shut == pytest.approx([second * SCALE for second in (1, 2, 4, 8)])
    assert slowdowns.current() == []


def test_a_busy_server_that_was_not_seen_at_work_is_one_that_fails() -> None:
    assert slowdowns.heard(refusal(cause="remote_busy", taken=math.inf, measured=0.0)) == 60 * SCALE


def test_who_asks_again_asks_since_the_first_time() -> None:
    slowdowns.heard(refusal())
    (first,) = slowdowns.current()
    Bucket.objects.update(slowed_at=F("slowed_at") - timedelta(seconds=5 * SCALE))
    slowdowns.heard(refusal(measured=30.0))

    (second,) = slowdowns.current()
    assert second.since == first.since
    assert second.until > first.until
    assert second.refused == 36, "nine tenths of what was refused the first time"


def test_a_mailing_is_told_of_its_own_routes_and_sites_only() -> None:
    mailing = world.sending(3)
    route = mailing.mailing_routes.get().route_id
    site, other = (Site.objects.create(key=name) for name in ("a.example", "b.example"))
    Run.objects.update(site=site)
    for key, number, where in (
        (f"route:{route}/site:{site.pk}", route, site.pk),
        (f"route:{route}/site:{other.pk}", route, other.pk),
        ("route:999", 999, None),
    ):
        slowdowns.heard(refusal(key=key, route=number, site=where))

    assert [one.site for one in slowdowns.of_mailing(mailing)] == [site.pk]
    assert len(slowdowns.current()) == 3
