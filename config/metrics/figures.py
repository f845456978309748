"""Every figure of `/metrics`: its name, its words, where it comes from.

A scrape asks the same number of questions at any size: of open mailings, open leases, roll-ups and the end of the log,
never of all messages. Labels are states, classes of replies and the known providers; no person, address or campaign.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from django.db import Error
from django.utils import timezone

from accounts import jobs
from analytics import folding, standing
from config.metrics import servers
from config.metrics.exposition import Figure, by, one
from delivery import inlets, providers
from delivery.queue import depth, recent


def all_figures() -> list[Figure]:
    """Without those that nobody can know while the database or the broker is away."""
    try:
        known = [
            one("shirase_database_up", "1 when the database answers.", 1),
            *_queue(),
            *_leases(),
            *_places(),
            *_replies(),
            *_reports(),
            *_work(),
            *_database(),
        ]
    except Error:
        known = [one("shirase_database_up", "1 when the database answers.", 0)]
    return [*known, *_broker()]


def _queue() -> Iterator[Figure]:
    found = depth.people()
    yield Figure(
        "shirase_queue_people",
        "People of open mailings who are not finished, by where they are and the mailing's state.",
        [({"state": state, "mailing": mailing}, n) for (mailing, state), n in found.people.items()],
    )
    yield by("shirase_mailings", "Mailings that are not over, by state.", "state", found.mailings)
    yield one(
        "shirase_queue_resting_people",
        "People of sending mailings whose turn waits: their place is closed or a limit is used up.",
        depth.resting(),
    )
    number, oldest = depth.due()
    yield one(
        "shirase_retries_due",
        "Retries of sending mailings that are due and that no worker has taken, up to 10,000 a mailing.",
        number,
    )
    yield one(
        "shirase_retry_overdue_seconds",
        "How long the retry that is due longest has waited, of sending mailings.",
        oldest,
    )


def _leases() -> Iterator[Figure]:
    found = depth.leases()
    yield one("shirase_leases_open", "Leases that workers hold.", found.open)
    yield one("shirase_lease_workers", "Send processes that hold a lease.", found.workers)
    yield one("shirase_lease_oldest_seconds", "Age of the oldest open lease.", found.oldest)
    yield one("shirase_lease_overdue_seconds", "How long the latest open lease is past its time.", found.overdue)


def _places() -> Iterator[Figure]:
    yield by("shirase_routes", "Routes: open, paused, or closed since they do not answer.", "state", depth.routes())
    closed = _named(((provider,), n) for provider, n in depth.closed_sites().items())
    yield Figure(
        "shirase_sites_closed",
        "Receiving sites that are left alone for a while, by provider.",
        [({"provider": provider}, n) for (provider,), n in closed.items()],
    )
    yield by(
        "shirase_throttle_wait_seconds",
        "How long whoever asks now waits for the longest limit of its scope.",
        "scope",
        depth.throttle_waits(),
    )


def _replies() -> Iterator[Figure]:
    yield Figure(
        "shirase_people",
        "People of open mailings where they stand now, by provider, outcome and class of the last reply.",
        [
            ({"provider": provider, "outcome": outcome, "reply": reply}, n)
            for (provider, outcome, reply), n in _named(standing.people().items()).items()
        ],
    )
    found = recent.replies()
    yield Figure(
        "shirase_replies_per_second",
        "Tries that ended in the last minute, by who answered and the class of the reply.",
        [
            ({"server": server, "reply": reply}, rate)
            for (server, reply), rate in _named(found.per_second.items()).items()
        ],
    )
    yield by(
        "shirase_reply_seconds",
        "From the permission to send one message to its reply, quantiles of the last minute.",
        "quantile",
        found.seconds,
    )


def _reports() -> Iterator[Figure]:
    yield Figure(
        "shirase_reports_per_second",
        "Reports that came back in the last minute, by the way they came and what they are.",
        [({"inlet": inlet, "kind": kind}, n / 60) for (inlet, kind), n in inlets.last_minute().items()],
    )
    seen_at = inlets.listener().seen_at
    age = (timezone.now() - seen_at).total_seconds() if seen_at else None
    yield one("shirase_listener_seen_age_seconds", "Since a listener last said that it is here.", age)
    yield by("shirase_return_mailboxes", "Mailboxes that are looked into, by how it goes.", "state", inlets.mailboxes())


def _work() -> Iterator[Figure]:
    yield one("shirase_work_tick_age_seconds", "Since a tick of the queue work last ran.", folding.tick_age())
    yield one(
        "shirase_fold_backlog_transactions", "Transactions that the reports have not counted yet.", folding.backlog()
    )
    found = jobs.open_jobs()
    yield by("shirase_jobs", "Background jobs that are not over.", "state", found.by_state)
    yield one("shirase_job_oldest_waiting_seconds", "Age of the oldest job that nobody has begun.", found.oldest)


def _database() -> Iterator[Figure]:
    found = servers.database()
    yield by("shirase_database_connections", "Connections to our database.", "state", found.connections)
    yield one("shirase_database_connections_max", "Most connections that the server takes.", found.most_connections)
    yield one("shirase_database_bytes", "Size of our database.", found.size)
    yield one(
        "shirase_database_oldest_transaction_seconds",
        "Age of the oldest transaction that is open.",
        found.oldest_transaction,
    )
    for name, words, value in (
        ("commits", "Transactions committed in our database.", found.commits),
        ("rollbacks", "Transactions rolled back in our database.", found.rollbacks),
        ("deadlocks", "Deadlocks in our database.", found.deadlocks),
    ):
        yield one(f"shirase_database_{name}_total", words, value, kind="counter")


def _broker() -> Iterator[Figure]:
    lengths = servers.broker_queues()
    yield one("shirase_broker_up", "1 when the broker answers.", int(lengths is not None))
    yield by("shirase_broker_queue_length", "Tasks that no worker has taken.", "queue", lengths or {})


def _named(found: Iterable[tuple[tuple[str, ...], float]]) -> dict[tuple[str, ...], float]:
    """The first word of each key is a provider or a kind of route: who is none that we know is one of the others."""
    names: dict[tuple[str, ...], float] = defaultdict(float)
    known = {*providers.named(), *recent.KINDS}
    for (name, *rest), n in found:
        names[name if name in known else providers.OTHER, *rest] += n
    return names
