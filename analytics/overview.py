"""The first page: what needs somebody, what runs, what comes, how it went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from analytics import folding, reports
from analytics.alert_words import told
from analytics.alerting import Kind
from analytics.health_words import span_words
from analytics.models import Alert, MailingDeed, MailingOutcome
from analytics.queue_page import ALIVE_SECONDS
from analytics.words import pause_words
from campaigns.listing import Row, rows_of
from campaigns.models import Campaign
from contacts.models import Contact
from delivery.models import Mailing, SendingDomain

if TYPE_CHECKING:
    from accounts.models import Workspace

SHOWN = 5
MONTH = timedelta(days=30)
State = Mailing.State


@dataclass(frozen=True)
class Need:
    """One thing that somebody should look at. `tone` is stop, wait or run."""

    tone: str
    title: str
    detail: str
    url: str
    action: str


@dataclass(frozen=True)
class Running:
    campaign: Campaign
    report: reports.Report


@dataclass(frozen=True)
class Span:
    """One figure of a month: of how many."""

    name: Promise | str
    part: int
    whole: int
    before_part: int
    before_whole: int
    fine: bool = False


@dataclass(frozen=True)
class Step:
    """One line of "get ready"."""

    done: bool
    words: Promise | str
    url: str
    action: Promise | str


@dataclass(frozen=True)
class Overview:
    needs: list[Need]
    running: list[Running]
    next: list[Campaign]
    results: list[Row]
    month: list[Span]
    steps: list[Step]

    @property
    def steps_done(self) -> int:
        return sum(step.done for step in self.steps)


def overview(workspace: Workspace, *, now: datetime | None = None) -> Overview:
    now = now or timezone.now()
    rows = Campaign.objects.of(workspace).select_related("mailing", "from_address__sending_domain", "workspace")
    running = [
        Running(one, reports.report(one.mailing))
        for one in rows.filter(mailing__state__in=[State.EXPANDING, State.SENDING, State.PAUSED]).order_by("-pk")[
            :SHOWN
        ]
        if one.mailing
    ]
    ended = rows.filter(mailing__state__in=[State.FINISHED, State.STOPPED], mailing__started_at__isnull=False)
    return Overview(
        needs=[*_needs(workspace, running)],
        running=running,
        next=list(rows.filter(mailing__state=State.WAITING).order_by("send_at")[:SHOWN]),
        results=rows_of(list(ended.order_by("-mailing__started_at")[:SHOWN])),
        month=_month(workspace, now),
        steps=_steps(workspace),
    )


def _needs(workspace: Workspace, running: list[Running]) -> list[Need]:
    return [
        *_clock(),
        *_broken_domains(workspace),
        *_alerts(workspace),
        *(need for one in running for need in _of_running(one)),
    ]


def _broken_domains(workspace: Workspace) -> list[Need]:
    verified = SendingDomain.objects.of(workspace).filter(verified_at__isnull=False)
    broken = [domain for domain in verified if domain.checks.get("dkim", {}).get("status") in ("missing", "different")]
    return [
        Need(
            "stop",
            _("The DKIM record of %(domain)s is wrong") % {"domain": domain},
            _("Receivers may refuse its mail until it is put right."),
            reverse("delivery:domain", args=[domain.pk]),
            _("Fix it"),
        )
        for domain in broken
    ]


def _clock() -> list[Need]:
    """Whoever would open an alert for it stands still too."""
    age = folding.tick_age()
    if age is None or age <= ALIVE_SECONDS:
        return []
    detail = _("It last ticked %(ago)s ago. Figures are as old, and nothing is sent. Nothing is lost either.")
    words = detail % {"ago": span_words(age)}
    return [
        Need("stop", _("The clock of the workers stands still"), words, reverse("analytics:queue"), _("Look at it"))
    ]


def _alerts(workspace: Workspace) -> list[Need]:
    """Records of domains and paused campaigns stand beside them by themselves: looked at now, not each minute."""
    alerts = Alert.objects.open_in(workspace).exclude(kind__in=[Kind.RECORD, Kind.CAMPAIGN])
    found = [told(one, workspace) for one in alerts]
    return [Need(one.tone, one.title, one.detail, one.url, _("Look at it")) for one in found]


def _of_running(one: Running) -> list[Need]:
    campaign, made = one.campaign, one.report
    url = reverse("campaigns:report", args=[campaign.pk])
    found = []
    if made.mailing.state == State.PAUSED:
        waiting = ngettext("%(n)s person is waiting.", "%(n)s people are waiting.", made.counts.kept)
        detail = f"{pause_words(made.mailing)} {waiting % {'n': f'{made.counts.kept:,}'}}"
        found.append(Need("wait", _("“%(name)s” is paused") % {"name": campaign}, detail, url, _("Open")))
    if made.closed_until:
        title = _("The mail server of “%(name)s” does not answer") % {"name": campaign}
        found.append(Need("wait", title, _("Nobody is failed for it. We try again by ourselves."), url, _("Open")))
    if made.counts.held:
        title = ngettext("%(n)s person is held in “%(name)s”", "%(n)s people are held in “%(name)s”", made.counts.held)
        names = {"n": f"{made.counts.held:,}", "name": campaign}
        found.append(Need("wait", title % names, _("They wait for your decision."), url, _("Review")))
    return found


def _month(workspace: Workspace, now: datetime) -> list[Span]:
    """The last 30 days beside the 30 before, live and sandbox apart: sample mail is in no health figure."""
    this, before = _sums(workspace, now - MONTH, now), _sums(workspace, now - 2 * MONTH, now - MONTH)
    names = (
        (gettext_lazy("Delivered"), "delivered", "tried", False),
        (gettext_lazy("Clicked"), "clicked", "delivered", False),
        (gettext_lazy("Opened, human"), "opened", "delivered", False),
        (gettext_lazy("Unsubscribed"), "unsubscribed", "delivered", True),
        (gettext_lazy("Complained"), "complained", "delivered", True),
    )
    if not this["tried"]:
        return []
    return [Span(name, this[part], this[whole], before[part], before[whole], fine) for name, part, whole, fine in names]


def _sums(workspace: Workspace, since: datetime, until: datetime) -> dict[str, int]:
    mailings = Mailing.objects.of(workspace).filter(
        kind=Mailing.Kind.CAMPAIGN,
        started_at__gt=since,
        started_at__lte=until,
        from_address__sending_domain__sandbox=False,
    )
    outcomes = dict(
        MailingOutcome.objects.filter(mailing__in=mailings).values_list("outcome").annotate(Sum("n")).order_by()
    )
    deeds = dict(MailingDeed.objects.filter(mailing__in=mailings).values_list("deed").annotate(Sum("n")).order_by())
    tried = sum(outcomes.get(name, 0) for name in ("delivered", "failed", "unknown"))
    return {
        "tried": tried,
        "delivered": outcomes.get("delivered", 0),
        **{name: deeds.get(name, 0) for name in ("clicked", "opened", "unsubscribed", "complained")},
    }


def _steps(workspace: Workspace) -> list[Step]:
    """What a new workspace does first. Empty once all is done."""
    campaigns = Campaign.objects.of(workspace)
    domains = SendingDomain.objects.of(workspace).filter(sandbox=False)
    steps = [
        Step(True, gettext_lazy("Installed, sandbox mailbox on"), reverse("delivery:sandbox"), gettext_lazy("See it")),
        Step(
            campaigns.filter(mailing__started_at__isnull=False).exists(),
            gettext_lazy("Send a sandbox campaign"),
            reverse("campaigns:list"),
            gettext_lazy("Start, 2 min"),
        ),
        Step(
            Contact.objects.of(workspace).filter(sample=False).exists(),
            gettext_lazy("Import people"),
            reverse("contacts:import"),
            gettext_lazy("Import"),
        ),
        Step(
            domains.filter(verified_at__isnull=False).exists(),
            gettext_lazy("Verify a domain"),
            reverse("delivery:domains"),
            gettext_lazy("Add a domain"),
        ),
        Step(
            workspace.memberships.count() > 1,
            gettext_lazy("Invite a colleague"),
            reverse("accounts:team"),
            gettext_lazy("Invite"),
        ),
    ]
    return [] if all(step.done for step in steps) else steps
