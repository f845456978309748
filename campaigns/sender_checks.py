"""Preflight: audience, sender, delivery. Facts in, checks out."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.checking import Check, Facts, Level, Topic
from delivery.models import Route, SendingDomain

number = "{:,}".format
GREW = 1.2  # an audience this much larger than usual is worth a look: providers notice sudden growth


def audience(facts: Facts) -> Iterator[Check]:
    url = reverse("campaigns:audience", args=[facts.campaign.pk])
    action = _("Choose people")
    if not facts.campaign.include_lists:
        yield Check(
            "audience",
            Level.STOP,
            Topic.AUDIENCE,
            _("No audience is chosen"),
            _("Choose at least one list."),
            url=url,
            action=action,
        )
        return
    counted, people_set = facts.counted, facts.campaign.people_set
    if counted is None:
        return
    if people_set is not None and people_set.gathered_at is None:
        detail = _("They are many: it takes a few seconds. Look again then.")
        yield Check("audience", Level.STOP, Topic.AUDIENCE, _("These people are still being gathered"), detail)
        return
    if not counted.stale and not counted.receiving:
        on_lists, of_set = _("Everyone on the chosen lists is left out."), _("All of these people are left out.")
        detail = on_lists if people_set is None else of_set
        yield Check(
            "audience", Level.STOP, Topic.AUDIENCE, _("Nobody would receive it"), detail, url=url, action=action
        )
        return
    yield Check("audience", Level.FINE, Topic.AUDIENCE, _("People counted"), value=number(counted.receiving))
    yield from _growth(facts, counted.receiving)


def _growth(facts: Facts, receiving: int) -> Iterator[Check]:
    usual = facts.usual_audience
    if not usual:
        return
    if receiving <= usual * GREW:
        yield Check(
            "growth",
            Level.FINE,
            Topic.AUDIENCE,
            _("About as many as usual"),
            value=_("usually %(n)s") % {"n": number(usual)},
        )
        return
    title = _("%(percent)s%% more people than your last sends") % {"percent": round(receiving * 100 / usual - 100)}
    detail = _("%(now)s now, %(usual)s on average. Providers notice sudden growth.") % {
        "now": number(receiving),
        "usual": number(usual),
    }
    yield Check("growth", Level.LOOK, Topic.AUDIENCE, title, detail, value=number(receiving))


def sender(facts: Facts) -> Iterator[Check]:
    address = facts.from_address
    if address is None:
        url = reverse("campaigns:write", args=[facts.campaign.pk])
        detail = _("Choose who the mail comes from.")
        yield Check("from", Level.STOP, Topic.SENDER, _("No From address"), detail, url=url, action=_("Choose"))
        return
    domain = address.sending_domain
    if domain.sandbox:
        yield Check("from", Level.FINE, Topic.SENDER, _("From address of the sandbox"))
        return
    yield from _domain(domain)


def _domain(domain: SendingDomain) -> Iterator[Check]:
    url = reverse("delivery:domain", args=[domain.pk])
    if domain.verified_at is None:
        title = _("%(domain)s is not verified") % {"domain": domain.name}
        detail = _("Receivers could not tell that the mail is really yours.")
        yield Check("verified", Level.STOP, Topic.SENDER, title, detail, url=url, action=_("See its records"))
        return
    if domain.live_at is None:
        title = _("%(domain)s is not live yet") % {"domain": domain.name}
        detail = _("An admin of this workspace switches it live once.")
        yield Check("live", Level.STOP, Topic.SENDER, title, detail, url=url, action=_("Open the domain"))
        return
    yield Check("verified", Level.FINE, Topic.SENDER, _("From address verified"))
    yield from _records(domain, url)
    yield from _links(domain, url)


RECORDS = {"dkim": "DKIM", "spf": "SPF", "return_path": "Return-path", "dmarc": "DMARC"}


def _records(domain: SendingDomain, url: str) -> Iterator[Check]:
    """A record that is gone or wrong: DKIM stops the send, since the mail would be refused or land as spam. So does a
    domain that says it has no mail (RFC 7505, 4.2)."""
    for key, name in RECORDS.items():
        seen = domain.checks.get(key, {})
        status = seen.get("status", "")
        if status == "ok":
            yield Check(key, Level.FINE, Topic.SENDER, _("%(record)s found") % {"record": name})
        elif status in ("missing", "different"):
            stops = key == "dkim" or "null_mx" in seen.get("notes", {})
            level = Level.STOP if stops else Level.LOOK
            title = (
                _("The %(record)s record of %(domain)s is wrong")
                if status == "different"
                else _("The %(record)s record of %(domain)s was not found")
            )
            names = {"record": name, "domain": domain.name}
            yield Check(
                key,
                level,
                Topic.SENDER,
                title % names,
                _("See what DNS says now and what it should say."),
                value=status,
                url=url,
                action=_("Fix it"),
            )


def _links(domain: SendingDomain, url: str) -> Iterator[Check]:
    """The domain's own name in links. It is optional: only one that was in use and does not answer is worth a look."""
    if domain.tracking_proven_at is None:
        return
    links = {"url": domain.tracking_url}
    if domain.tracking_live_at and not domain.checks.get("tracking", {}).get("misses"):
        yield Check("tracking", Level.FINE, Topic.SENDER, _("Links begin with %(url)s") % links)
        return
    title = _("https://%(host)s does not answer any more") % {"host": domain.tracking_host}
    detail = _("Links of this mail would begin with %(url)s. See what was found.") % links
    yield Check("tracking", Level.LOOK, Topic.SENDER, title, detail, url=url, action=_("Open the domain"))


def delivery(facts: Facts) -> Iterator[Check]:
    if not facts.routes:
        if facts.from_address is not None:
            detail = _("An install administrator gives this workspace a route.")
            yield Check("route", Level.STOP, Topic.DELIVERY, _("No route to send over"), detail)
        return
    yield _route(facts.routes)
    yield from _tracking(facts)


def _route(routes: list[Route]) -> Check:
    """The first may be paused while another one takes over."""
    now = next((route for route in routes if route.paused_at is None), None)
    if now == routes[0]:
        return Check("route", Level.FINE, Topic.DELIVERY, _("Route open"), value=str(now))
    title = _("The route “%(route)s” is paused") % {"route": routes[0]}
    if now is None:
        return Check("route", Level.STOP, Topic.DELIVERY, title, _("Nothing would go out until it is resumed."))
    detail = _("Until it is resumed, mail goes over “%(route)s”.") % {"route": now}
    return Check("route", Level.LOOK, Topic.DELIVERY, title, detail, value=str(now))


def _tracking(facts: Facts) -> Iterator[Check]:
    if facts.tracking_url.startswith("https://"):
        yield Check("https", Level.FINE, Topic.DELIVERY, _("Links lead to https"))
    elif facts.live:
        detail = _("One-click unsubscribe must be https (RFC 8058). Set TRACKING_URL to an https address.")
        yield Check("https", Level.STOP, Topic.DELIVERY, _("The tracking address is not https"), detail)
