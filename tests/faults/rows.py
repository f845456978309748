"""The faults. Each happens in the middle of a campaign, which must then end by itself: loss 0, duplicates 0."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from tests.faults import (
    answers,
    backups,
    clocks,
    disks,
    everything,
    failover,
    garbage,
    kills,
    memory,
    outages,
    people,
    poison,
    scenes,
    sign_in,
    sites,
)
from tests.faults.scenes import Scene
from tests.faults.stand import Stand


@dataclass(frozen=True)
class Row:
    """`hit` lets it happen and the campaign end; it returns the most people whose outcome may be unknown then.

    `short`: also in the short form, which CI plays; most others have tests of their own there.
    """

    fault: str
    hit: Callable[[Stand], int]
    runs: int = 3
    scene: Callable[[int, ExitStack], Scene] = scenes.smarthost
    short: bool = True


ROWS = [
    Row("kill -9 worker, at random", kills.killed, 20),
    Row("kill -9 worker, its journal lost", kills.killed_and_its_journal_lost, 20),
    Row("kill -9 worker, before the dot", kills.killed_before_the_dot, 20),
    Row("kill -9 worker, between dot and 250", kills.killed_between_dot_and_reply, 20),
    Row("kill -9 worker, between 250 and commit", kills.killed_between_reply_and_commit, 20),
    Row("kill -9 of everything, then make up", everything.killed, 5, scenes.install),
    Row("two schedulers", everything.doubled, 3, scenes.two_schedulers, short=False),
    Row("SIGTERM of the worker", kills.terminated),
    Row("worker stopped beyond its lease", kills.stopped_beyond_its_lease),
    Row("worker stopped in a transaction", kills.stopped_in_a_transaction),
    Row("a message that kills its worker", poison.kills_its_worker, short=False),
    Row("out of memory", memory.runs_out, 3, memory.small, short=False),
    Row("line to the database dies, SMTP lives", outages.line_dies, 3, scenes.behind_a_line, short=False),
    Row("PostgreSQL restarted (immediate)", outages.database_restarts, 20),
    Row(f"PostgreSQL {outages.AWAY:.0f} s away", outages.database_is_away),
    Row("database lost, its standby promoted", failover.fails_over, 3, failover.with_standby, short=False),
    Row("backup of mid-campaign put back", backups.restored, short=False),
    Row("disk of the journals full", disks.full_of_journals, 3, disks.small_disk_of_journals, short=False),
    Row("disk of the database's log full", disks.full_of_the_log, 3, disks.small_disk_of_the_log, short=False),
    Row("clock +1 h, then -1 h", clocks.jumps, 3, clocks.jumping, short=False),
    Row("too many connections", outages.no_connection_is_free, short=False),
    Row("deadlock", outages.deadlock, short=False),
    Row("broker killed and restarted", outages.broker_is_killed, 20),
    Row("broker flushed", outages.broker_is_flushed),
    Row("pace after the broker's return", outages.pace_after_the_broker, short=False),
    Row("421 at each phase", answers.busy_at_each_phase),
    Row("4xx at RCPT, DATA, dot; greylisting", answers.refused_for_now),
    Row("5xx at each phase", answers.refused_for_good),
    Row("cut after the dot, stored", answers.cut_after_the_dot_stored, 20),
    Row("cut after the dot, not stored", answers.cut_after_the_dot_not_stored, 20),
    Row("half-close after the dot; a late 250", answers.half_closed_or_late, short=False),
    Row("garbage, UTF-16, 999, changed code", garbage.not_smtp, short=False),
    Row("replies too long, endless or slow", garbage.too_much, short=False),
    Row("early and surplus replies", garbage.early_and_extra, short=False),
    Row("silence at each phase, other sites well", sites.silent, 3, scenes.direct, short=False),
    Row("STARTTLS refused, broken, expired", sites.broken_tls, 3, scenes.direct, short=False),
    Row("DNS: SERVFAIL, silence, NXDOMAIN, bad MX", sites.broken_dns, 3, scenes.direct, short=False),
    Row("AUTH 535 in mid-campaign", sign_in.refused, 3, scenes.secured, short=False),
    Row("expired certificate of the smarthost", sign_in.certificate_ends, 3, scenes.secured, short=False),
    Row("suppression in mid-campaign", people.suppressed),
]
