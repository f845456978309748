"""Delivery's words in templates."""

from __future__ import annotations

import re

from django import template
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from delivery import providers
from delivery.dmarc.judging import Source, Who
from delivery.dmarc.page import Page
from delivery.dmarc.tallying import Tally
from delivery.domain_records import Key, Note, Status
from delivery.domains import Row
from delivery.message_page import explanation_of
from delivery.models import Limit, SendingDomain
from delivery.reply_words import parts
from delivery.tracking_hosts import Https
from delivery.wave_words import wave_kept_words, wave_words

register = template.Library()

OUTCOMES: dict[str, Promise] = {
    "delivered": _("Delivered"),
    "bounced": _("Bounced later"),
    "retrying": _("Retrying"),
    "failed": _("Failed"),
    "waiting": _("Waiting"),
    "on_the_way": _("On the way"),
    "unknown": _("Unknown"),
    "held": _("Held"),
    "not_sent": _("Not sent after all"),
    "excluded": _("Excluded"),
}


@register.simple_tag
def outcome_word(outcome: str) -> str:
    return str(OUTCOMES.get(outcome, outcome))


@register.simple_tag
def cause_word(cause: str | None) -> str:
    """A cause in one line; what is none as it is (the reason of somebody who was left out)."""
    explanation = explanation_of(cause)
    if explanation:
        return explanation.title
    return cause or "–"


@register.simple_tag
def cause_link(cause: str | None) -> SafeString:
    """The same, leading to its page in the help where there is one."""
    if not explanation_of(cause):
        return format_html("{}", cause_word(cause))
    return format_html('<a href="{}">{}</a>', help_url(cause), cause_word(cause))


@register.simple_tag
def help_link(cause: str | None) -> SafeString:
    """Behind words that have explained a cause; nothing where the help has no page of it."""
    if not explanation_of(cause):
        return SafeString()
    return format_html('<a href="{}">{}</a>', help_url(cause), gettext("More about this cause"))


def help_url(cause: str | None) -> str:
    return reverse("delivery:help_cause", args=[cause])


register.simple_tag(wave_words)
register.simple_tag(wave_kept_words)
register.simple_tag(parts, name="reply_parts")


@register.simple_tag
def provider_word(provider: str) -> str:
    """A provider's name for a key or for a domain of its people; else what was given."""
    key = providers.provider_of_domain(provider) or provider
    return providers.label(key, (get_language() or "en")[:2]) if key else "–"


@register.simple_tag
def limit_words(limit: Limit | None) -> str:
    """`5 a second · 2 connections`."""
    if limit is None:
        return gettext("No limit")
    figures = {
        gettext("%(n)s a second"): limit.per_second,
        gettext("%(n)s a minute"): limit.per_minute,
        gettext("%(n)s an hour"): limit.per_hour,
        gettext("%(n)s in 24 hours"): limit.per_day,
        ngettext("%(n)s connection", "%(n)s connections", limit.connections or 0): limit.connections,
        gettext("%(n)s for each connection"): limit.per_connection,
    }
    said = [words % {"n": f"{figure:,.10g}"} for words, figure in figures.items() if figure is not None]
    return " · ".join(said) or gettext("No limit")


PURPOSES: dict[str, Promise] = {
    "dkim": _("DKIM, our signature"),
    "dkim_next": _("DKIM, the new key: publish it beside the other"),
    "dkim_former": _("DKIM, the key before"),
    "spf": _("SPF, who may send"),
    "return_path": _("Return path, where bounces go"),
    "dmarc": _("DMARC, what to do with forgeries"),
    "tracking": _("Your own name in links (optional)"),
}


@register.simple_tag
def record_purpose(key: str) -> str:
    return str(PURPOSES[str(key)])


NOTES: dict[str, Promise] = {
    Note.SPF_LOOKUPS: _(
        "Receivers have to look up more than %(what)s names to read this record; then they count it as broken. Take "
        "out what you no longer send with, or put addresses (ip4:) in place of an include."
    ),
    Note.SPF_VOID: _(
        "%(what)s names in this record lead nowhere, and receivers follow no more than 2 of them. Take them out."
    ),
    Note.SPF_BROKEN: _(
        "%(what)s has no SPF record, so that receivers count the whole record as broken. Take that include out."
    ),
    Note.NULL_MX: _(
        "%(what)s says in its DNS that it has no mail (MX record “0 .”). Receivers refuse mail that comes from such a "
        "domain (550 5.7.27). Remove that MX record, or name a server that takes the replies."
    ),
    Note.DMARC_REMOVED: _(
        "DMARC no longer has these (RFC 9989): %(what)s. New receivers ignore them: take them out, and use t=y for a "
        "policy that is only tried."
    ),
    Note.DMARC_ABOVE: _(
        "This is the record of %(what)s, which holds here too: its sp, or its p where it has no sp. A record of its "
        "own would come before it."
    ),
}


@register.filter
def note_words(what: str, note: str) -> str:
    """What is the matter with a record, and what to do."""
    return str(NOTES[note]) % {"what": what} if note in NOTES else ""


TROUBLES: dict[str, Promise] = {
    Https.CERTIFICATE: _("The proxy in front of Shirase has no valid certificate for this name: let it get one."),
    Https.UNREACHABLE: _("Nothing answers on port 443: let the proxy in front of Shirase take https for this name."),
    Https.STRANGER: _("Another server answers, or the proxy does not pass this name on: let it lead to Shirase."),
}


@register.simple_tag
def tracking_trouble(domain: SendingDomain) -> str:
    """Why the domain's own name cannot stand in links although its CNAME is right; "" if nothing is known."""
    seen = domain.checks.get(Key.TRACKING, {})
    return str(TROUBLES.get(seen.get("https"), "")) if seen.get("status") == Status.OK else ""


SOURCES: dict[str, tuple[str, str, Promise]] = {
    Who.OURS: ("done", "server", _("Your server")),
    Who.SIGNED: ("done", "check", _("Carries your signature")),
    Who.ALLOWED: ("done", "check", _("Your SPF allows it")),
    Who.MIXED: ("wait", "alert-triangle", _("Passes in part")),
    Who.UNKNOWN: ("wait", "question-mark", pgettext_lazy("DMARC", "Unknown")),
    Who.REST: ("mute", "dots", _("Other sources")),
}


@register.simple_tag
def source_mark(source: Source) -> tuple[str, str, Promise]:
    """Whose a source of a DMARC report is: tone, icon, word. A server of ours whose mail fails is marked for that."""
    tone, icon, word = SOURCES[source.who]
    return ("stop" if source.who is Who.OURS and source.tally.failed else tone), icon, word


@register.simple_tag
def did_words(tally: Tally) -> str:
    """`let in 12 · spam 3 · refused 1`, without what did not happen."""
    figures = {
        gettext("let in %(n)s"): tally.messages - tally.kept_out,
        gettext("spam %(n)s"): tally.quarantined,
        gettext("refused %(n)s"): tally.rejected,
    }
    return " · ".join(words % {"n": f"{figure:,}"} for words, figure in figures.items() if figure)


@register.simple_tag
def receivers_words(dmarc: Page) -> str:
    """`google.com (30), Yahoo (12) and 4 more`"""
    names = ", ".join(f"{one.org} ({one.reports:,})" for one in dmarc.receivers)
    if not dmarc.more_receivers:
        return names
    return gettext("%(names)s and %(n)s more") % {"names": names, "n": f"{dmarc.more_receivers:,}"}


@register.simple_tag
def short_value(value: str) -> str:
    """Long values (keys) with their middle left out; the copy button has them whole."""
    return value if len(value) <= 56 else f"{value[:36]}…{value[-8:]}"


@register.filter
def dotted(host: str) -> SafeString:
    """A host name that goes to the next line only after a dot."""
    parts = re.findall(r"[^.]*\.|[^.]+", host)
    return format_html_join("", '<span class="whole">{}</span>', ((part,) for part in parts))


@register.inclusion_tag("parts/copy.html")
def copy_records(rows: list[Row]) -> dict[str, str]:
    """All records as text for whoever runs the DNS."""
    lines = [f"{row.record.type}\t{row.record.host}\t{row.record.value}" for row in rows]
    return {"text": "\n".join(lines), "label": str(_("Copy all for IT"))}
