"""The queue's own rows: runs, leases, deferrals (docs/reliability.md)."""

from __future__ import annotations

from django.db import connection, models

from .mailing import Mailing
from .message import Message
from .routes import Route
from .sites import Site


class Run(models.Model):
    """A range of one lane's message ids with a cursor: ids past the cursor are waiting."""

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="runs")
    lane = models.CharField(max_length=40)  # "site:<id>", "mixed", "all"
    site = models.ForeignKey(Site, null=True, on_delete=models.SET_NULL, related_name="+")
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    cursor = models.BigIntegerField()  # the next id to lease
    turn = models.BigIntegerField(default=0)  # least turn goes first
    not_before = models.DateTimeField(null=True)  # its site or route is closed, or a limit is used up
    held = models.BooleanField(default=False, db_default=False)  # until the safety wave is over: delivery.queue.waves

    class Meta:
        indexes = [
            models.Index(fields=["mailing", "lane"], name="run_by_lane"),
            models.Index(
                fields=["turn"], name="run_open", condition=models.Q(cursor__lte=models.F("last"), held=False)
            ),
        ]


class Lease(models.Model):
    """A worker's claim on ids lo..hi of a run, or on deferred messages. Judged by the database's clock."""

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="leases")
    run = models.ForeignKey(Run, null=True, on_delete=models.CASCADE, related_name="leases")
    route = models.ForeignKey(Route, on_delete=models.PROTECT, related_name="+")
    site = models.ForeignKey(Site, null=True, on_delete=models.SET_NULL, related_name="+")
    lo = models.BigIntegerField(default=0)
    hi = models.BigIntegerField(default=0)
    worker = models.CharField(max_length=120)  # host:pid:start, also the journal's name
    host = models.CharField(max_length=120)
    fence = models.IntegerField(default=1)
    lease_until = models.DateTimeField()
    marked = models.IntegerField(default=0)
    ended = models.IntegerField(default=0)
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["lease_until"], name="lease_open", condition=models.Q(closed_at__isnull=True)),
            models.Index(fields=["mailing"], name="lease_open_mailing", condition=models.Q(closed_at__isnull=True)),
        ]


class Deferral(models.Model):
    """A message that waits for its next try. A lease on it names itself here; an outcome deletes or renews the row.

    `crashes` counts marks in a row that no outcome closed: the third holds the message, since it may be the message
    that kills its worker. `values_at` is the first mark's second, for the kinds that go out again with the same bytes.
    `tried_at` is when the receiver first refused it or could not be reached, by the mailing's own clock
    (`Mailing.stood_still`); from then on its time to give up runs. None: only we have kept it waiting.
    """

    message = models.OneToOneField(Message, on_delete=models.CASCADE, primary_key=True)
    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="deferrals", db_index=False)
    lane = models.CharField(max_length=40)
    site = models.ForeignKey(Site, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    due_at = models.DateTimeField()
    attempt = models.SmallIntegerField(default=0)
    crashes = models.SmallIntegerField(default=0)
    values_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)
    lease = models.ForeignKey(
        Lease, null=True, on_delete=models.SET_NULL, related_name="deferrals", db_constraint=False, db_index=False
    )

    class Meta:
        indexes = [
            models.Index(fields=["mailing", "due_at"], name="deferral_due"),
            models.Index(fields=["lease"], name="deferral_leased", condition=models.Q(lease__isnull=False)),
        ]


class Tally(models.Model):
    """How many of a mailing's people are in one state, or were left out for one reason.

    Kept by the statements that change the states, so that a page reads a handful of rows at any size. Waiting and
    on the way are not here: they follow from the messages made, the other tallies and the open leases.
    """

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="tallies", db_index=False)
    name = models.CharField(max_length=40)  # "delivered", …; "excluded.unsubscribed", …
    n = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailing", "name"], name="tally_once")]

    @classmethod
    def add(cls, mailing_id: int, name: str, number: int) -> None:
        """Count `number` more (or fewer)."""
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO delivery_tally (mailing_id, name, n) VALUES (%s, %s, %s)"
                " ON CONFLICT (mailing_id, name) DO UPDATE SET n = delivery_tally.n + excluded.n",
                [mailing_id, name, number],
            )
