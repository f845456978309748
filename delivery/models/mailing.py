"""A mailing: frozen content, an audience, a route, limits. Delivery knows no campaigns."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import WorkspaceOwned
from contacts.models import Contact

from .content import Content
from .domains import FromAddress
from .routes import Route


class Mailing(WorkspaceOwned):
    class Kind(models.TextChoices):
        CAMPAIGN = "campaign", _("Campaign")
        TEST = "test", _("Test")
        TRANSACTIONAL = "transactional", _("Transactional")
        OPT_IN = "opt_in", _("Opt-in")
        NOTICE = "notice", _("Notice")
        RELAYED = "relayed", _("Relayed")

    class State(models.TextChoices):
        WAITING = "waiting", _("Scheduled")
        EXPANDING = "expanding", _("Preparing")
        SENDING = "sending", _("Sending")
        PAUSED = "paused", _("Paused")
        FINISHED = "finished", _("Finished")
        STOPPED = "stopped", _("Stopped")

    BULK = (Kind.CAMPAIGN, Kind.RELAYED)  # who waits is given up by their own tries, and after all other mail

    kind = models.CharField(max_length=14, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    # "manual", or a cause id; of one that does not send yet, why it will pause then
    pause_reason = models.CharField(max_length=80, blank=True)
    # Of a pause by the brakes: "number" of "of" were more than "percent" (delivery.spikes).
    pause_figures = models.JSONField(default=dict, db_default={}, blank=True)
    name = models.CharField(max_length=200, blank=True)
    page = models.CharField(max_length=200, blank=True)  # the path of the page of whatever made it, "" for none
    content = models.ForeignKey(Content, on_delete=models.PROTECT, related_name="mailings")
    from_address = models.ForeignKey(FromAddress, on_delete=models.PROTECT, related_name="mailings")
    reply_to = models.CharField(max_length=320, blank=True)
    letterhead = models.JSONField(default=dict, blank=True)  # sender, list and workspace as they were: delivery.letters
    tracking_url = models.CharField(max_length=300, blank=True)  # what its links begin with; "": TRACKING_URL
    include_lists = ArrayField(models.BigIntegerField(), default=list)
    exclude_lists = ArrayField(models.BigIntegerField(), default=list)
    # Instead of everybody on the include lists; who of them may be mailed is still a matter of these lists.
    people_set = models.ForeignKey(
        "PeopleSet", null=True, blank=True, on_delete=models.PROTECT, related_name="mailings"
    )
    rcpts = ArrayField(models.CharField(max_length=320), default=list)  # typed addresses: tests, notices
    as_contact = models.ForeignKey(Contact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    routes = models.ManyToManyField(Route, through="MailingRoute", related_name="mailings")
    start_at = models.DateTimeField(null=True, blank=True)  # not before; None: as soon as launched
    # A person is given up so long after their first failed try (kinds that are nothing if late: after the start).
    give_up_after = models.DurationField()
    stood_still = models.DurationField(default=timedelta(), db_default=timedelta())  # its clock: pauses do not count
    # The safety wave (delivery.queue.waves): its people, how long it then waits, until when, and when it was over.
    wave_size = models.PositiveIntegerField(null=True, blank=True)
    wave_wait = models.DurationField(null=True, blank=True)
    wave_until = models.DateTimeField(null=True, blank=True)
    wave_over_at = models.DateTimeField(null=True, blank=True)
    # How far expansion has come: (lane, id) of the last one, committed with its slice.
    expansion_cursor = models.JSONField(default=dict, blank=True)
    matched = models.BigIntegerField(default=0)  # people matched by the include lists
    expanded = models.BigIntegerField(default=0)  # messages made
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)  # since when, while it is paused
    finished_at = models.DateTimeField(null=True, blank=True)
    announced_at = models.DateTimeField(null=True, blank=True)  # its end was told to whoever scheduled it

    class Meta:
        indexes = [
            models.Index(
                fields=["state"],
                name="mailing_open",
                condition=models.Q(state__in=["waiting", "expanding", "sending", "paused"]),
            )
        ]

    def __str__(self) -> str:
        return self.name or f"{self.kind} {self.pk}"

    @property
    def may_leave(self) -> bool:
        """Whether its domain may use its routes: outside the sandbox only what is verified and live."""
        domain = self.from_address.sending_domain
        return (domain.live and not domain.sandbox) or self.rehearsed

    @property
    def rehearsed(self) -> bool:
        """Whether all its routes are the sandbox: what comes of it speaks for or against no real address."""
        return not self.routes.exclude(kind=Route.Kind.SANDBOX).exists()

    @property
    def in_wave(self) -> bool:
        """Whether everybody past the safety wave still waits for it."""
        open_states = (self.State.SENDING, self.State.PAUSED)
        return self.wave_size is not None and self.wave_over_at is None and self.state in open_states

    @property
    def at_most_once(self) -> bool:
        """Campaigns are never sent twice by themselves; the other kinds at least once, with the same bytes."""
        return self.kind == self.Kind.CAMPAIGN


class MailingRoute(models.Model):
    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="mailing_routes")
    route = models.ForeignKey(Route, on_delete=models.PROTECT)
    order = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint("mailing", "route", name="mailingroute_once")]
        ordering = ["order"]


class Exclusion(models.Model):
    """Somebody who was matched but will not receive it, and the first reason why."""

    class Reason(models.TextChoices):
        ERASED = "erased", _("Erased")
        COMPLAINED = "complained", _("Complained")
        UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")
        BOUNCED = "bounced", _("Bounced before")
        STOPPED = "stopped", _("Stopped by you")
        NO_ADDRESS = "no_address", _("No valid address")
        DOMAIN_RESTS = "domain_rests", _("Domain takes no mail")
        SETTLED = "settled", _("Has it by now, or is still being tried")
        EXCLUDED_LIST = "excluded_list", _("On an excluded list")

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="exclusions", db_constraint=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    reason = models.CharField(max_length=20, choices=Reason.choices)

    class Meta:
        constraints = [models.UniqueConstraint("mailing", "contact", name="exclusion_once")]
        indexes = [models.Index(fields=["mailing", "reason", "id"], name="exclusion_by_reason")]
