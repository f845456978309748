"""What changed on our side: marks beside the figures, from the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from accounts import audit
from accounts.models import AuditEntry
from analytics.health import Choice
from delivery.models import Route

LOOKED_AT, SHOWN = 1_000, 12  # entries of the log, newest first

# As a few letters above a line of a chart.
MARKS: dict[str, Promise] = {
    "domain.record_gone": pgettext_lazy("mark", "record gone"),
    "domain.record_back": pgettext_lazy("mark", "record back"),
    "domain.key_signs": pgettext_lazy("mark", "new key"),
    "domain.verified": pgettext_lazy("mark", "verified"),
    "domain.live": pgettext_lazy("mark", "live"),
    "domain.not_live": pgettext_lazy("mark", "not live"),
    "domain.limited": pgettext_lazy("mark", "limit"),
    "route.saved": pgettext_lazy("mark", "route"),
    "route.paused": pgettext_lazy("mark", "route paused"),
    "route.drained": pgettext_lazy("mark", "route paused"),
    "route.resumed": pgettext_lazy("mark", "route resumed"),
    "route.limited": pgettext_lazy("mark", "limit"),
    "route.site_limited": pgettext_lazy("mark", "limit"),
    "provider.paused": pgettext_lazy("mark", "provider paused"),
    "provider.drained": pgettext_lazy("mark", "provider paused"),
    "provider.resumed": pgettext_lazy("mark", "provider resumed"),
    "warm_up.saved": pgettext_lazy("mark", "warm-up"),
    "warm_up.paused": pgettext_lazy("mark", "warm-up"),
    "warm_up.resumed": pgettext_lazy("mark", "warm-up"),
    "warm_up.removed": pgettext_lazy("mark", "warm-up"),
    "campaign.pause": pgettext_lazy("mark", "paused"),
    "campaign.resume": pgettext_lazy("mark", "resumed"),
}


@dataclass(frozen=True)
class Change:
    at: datetime
    words: str  # what was done to what
    by: str  # "" for the product itself
    short: str


def changes(choice: Choice) -> list[Change]:
    """Within the period, newest first: of the workspace, and of the install's routes that it may use."""
    routes = {str(pk) for pk in Route.objects.filter(workspaces=choice.workspace).values_list("pk", flat=True)}
    ours = _newest(AuditEntry.objects.filter(workspace=choice.workspace), choice)
    installs = _newest(AuditEntry.objects.filter(workspace=None), choice)
    found = [*ours, *(one for one in installs if one.object_id in routes)]
    made = sorted(found, key=lambda one: one.at, reverse=True)[:SHOWN]
    return [Change(one.at, _words(one), one.actor_label, str(MARKS[one.action])) for one in made]


def _newest(rows: QuerySet[AuditEntry], choice: Choice) -> QuerySet[AuditEntry]:
    newest = rows.order_by("-pk").values("pk")[:LOOKED_AT]
    return AuditEntry.objects.filter(pk__in=newest, action__in=MARKS, at__gte=choice.since, at__lte=choice.until)


def _words(entry: AuditEntry) -> str:
    what = entry.data.get("record") or entry.data.get("site")
    label = f"{entry.label} ({what})" if what else entry.label
    return _("%(deed)s: %(what)s") % {"deed": audit.title(entry.action), "what": label}
