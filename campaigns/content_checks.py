"""Preflight: content, links, legal. Facts in, checks out."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns import problems
from campaigns.checking import Check, Facts, Level, Topic
from delivery.content.analysis import Analysis
from delivery.content.source import Part

SHORTEST, LONGEST = 10, 78  # characters of a subject that inboxes show whole
GMAIL_CUTS = 102_000  # octets of HTML
SHOWN = 3  # of one kind of problem: the rest is a number


def content(facts: Facts) -> Iterator[Check]:
    edit = reverse("campaigns:write", args=[facts.campaign.pk])
    if not facts.campaign.subject.strip():
        detail = _("Mail without a subject looks like spam.")
        yield Check(
            "subject", Level.STOP, Topic.CONTENT, _("There is no subject"), detail, url=edit, action=_("Write it")
        )
    if facts.problem is not None:
        line = facts.problem.line if facts.problem.where is Part.HTML else 0
        title = _("The template has an error")
        yield Check(
            "template",
            Level.STOP,
            Topic.CONTENT,
            title,
            problems.words_of(facts.problem),
            url=edit,
            action=_("Go there"),
            line=line,
        )
        return
    analysis = facts.analysis
    if analysis is None:
        return
    if not analysis.words:
        yield Check(
            "empty",
            Level.STOP,
            Topic.CONTENT,
            _("The letter is empty"),
            _("Write something, or use a template."),
            url=edit,
            action=_("Write it"),
        )
        return
    yield from _subject(facts, analysis)
    yield from _size(analysis)
    yield from _preheader(facts)
    yield from _missing(facts, edit)
    yield from _images(analysis)


def _subject(facts: Facts, analysis: Analysis) -> Iterator[Check]:
    length = analysis.subject_length
    if not facts.campaign.subject.strip():
        return
    value = ngettext("%(n)s character", "%(n)s characters", length) % {"n": length}
    if length < SHORTEST and facts.campaign.language != "ja":
        detail = _("Say in ten characters or more what it is about.")
        yield Check("subject_length", Level.LOOK, Topic.CONTENT, _("The subject is very short"), detail, value=value)
    elif length > LONGEST:
        detail = _("Most inboxes show fewer than 78 characters.")
        yield Check("subject_length", Level.LOOK, Topic.CONTENT, _("The subject is long"), detail, value=value)
    else:
        yield Check("subject_length", Level.FINE, Topic.CONTENT, _("Subject length"), value=value)


def _size(analysis: Analysis) -> Iterator[Check]:
    value = _("%(kb)s of 102 kB") % {"kb": round(analysis.size / 1000)}
    if analysis.size > GMAIL_CUTS:
        detail = _("Gmail cuts mail at 102 kB: the unsubscribe link at its end would be hidden.")
        yield Check("size", Level.LOOK, Topic.CONTENT, _("The mail is too long for Gmail"), detail, value=value)
    else:
        yield Check("size", Level.FINE, Topic.CONTENT, _("Size before Gmail cuts"), value=value)


def _preheader(facts: Facts) -> Iterator[Check]:
    if facts.campaign.preheader.strip():
        yield Check("preheader", Level.FINE, Topic.CONTENT, _("Preview text"))
    else:
        detail = _("Inboxes then show the first words of the mail beside the subject.")
        yield Check("preheader", Level.LOOK, Topic.CONTENT, _("There is no preview text"), detail, value="none")
    yield Check("text", Level.FINE, Topic.CONTENT, _("Plain-text part"))


def _missing(facts: Facts, edit: str) -> Iterator[Check]:
    """Gaps that readers would see, then fields that nobody has."""
    analysis = facts.analysis
    if analysis is None:
        return
    gaps = {name: n for name, n in facts.missing.items() if name in analysis.fields_without_fallback}
    for name, number in list(gaps.items())[:SHOWN]:
        title = ngettext("%(n)s person has no “%(field)s”", "%(n)s people have no “%(field)s”", number)
        names = {"n": f"{number:,}", "field": name}
        detail = _('They would read a gap. Give it a fallback: {{ contact.%(field)s or "…" }}') % {"field": name}
        line = analysis.fields_without_fallback[name]
        yield Check(
            f"missing.{name}",
            Level.LOOK,
            Topic.CONTENT,
            title % names,
            detail,
            value=names["n"],
            url=edit,
            action=_("Add a fallback"),
            line=line,
        )
    if analysis.fields and not gaps:
        yield Check("missing", Level.FINE, Topic.CONTENT, _("Every variable has a value or a fallback"))
    for name, line in facts.unknown_fields.items():
        detail = _("No contact can have it: perhaps it is misspelt.")
        yield Check(
            f"unknown.{name}",
            Level.LOOK,
            Topic.CONTENT,
            _("There is no field “%(field)s”") % {"field": name},
            detail,
            value=name,
            url=edit,
            action=_("Go there"),
            line=line,
        )


def _images(analysis: Analysis) -> Iterator[Check]:
    bare = analysis.images_without_alt
    for image in bare[:SHOWN]:
        title = _("The image on line %(line)s has no alt text") % {"line": image.line}
        detail = _("People who block images, and screen readers, get nothing here.")
        yield Check(
            f"alt.{image.line}", Level.LOOK, Topic.CONTENT, title, detail, value=image.address[:80], line=image.line
        )
    if analysis.images and not bare:
        n = len(analysis.images)
        yield Check(
            "alt", Level.FINE, Topic.CONTENT, _("Alt text"), value=ngettext("%(n)s image", "%(n)s images", n) % {"n": n}
        )


def links(facts: Facts) -> Iterator[Check]:
    analysis = facts.analysis
    if analysis is None:
        return
    for link in analysis.broken_links[:SHOWN]:
        title = _("The link on line %(line)s leads nowhere") % {"line": link.line}
        detail = _("“%(address)s” is no address that a mail can open.") % {"address": link.address[:80]}
        yield Check(
            f"broken.{link.line}", Level.LOOK, Topic.LINKS, title, detail, value=link.address[:80], line=link.line
        )
    for link in analysis.generic_links[:SHOWN]:
        title = _("“%(text)s” on line %(line)s says nothing as a link") % {"text": link.text, "line": link.line}
        detail = _("Name the thing that it opens.")
        yield Check(
            f"generic.{link.line}", Level.LOOK, Topic.LINKS, title, detail, value=link.text[:80], line=link.line
        )
    good = len(analysis.links) - len(analysis.broken_links)
    if good and not analysis.broken_links:
        yield Check("links", Level.FINE, Topic.LINKS, _("Links are well formed"), value=f"{good}")


def legal(facts: Facts) -> Iterator[Check]:
    analysis = facts.analysis
    if analysis is None:
        return
    edit = reverse("campaigns:write", args=[facts.campaign.pk])
    grave = Level.STOP if facts.live else Level.LOOK
    if analysis.has_unsubscribe:
        yield Check("unsubscribe", Level.FINE, Topic.LEGAL, _("Unsubscribe link"))
        yield Check("one_click", Level.FINE, Topic.LEGAL, _("One-click unsubscribe"))
    else:
        detail = _("Put {{ unsubscribe_url }} into a link, in the HTML and in the text, where everybody gets it.")
        yield Check(
            "unsubscribe",
            grave,
            Topic.LEGAL,
            _("There is no unsubscribe link"),
            detail,
            value="none",
            url=edit,
            action=_("Add it"),
        )
    yield from _legal_block(facts, analysis, grave, edit)


def _legal_block(facts: Facts, analysis: Analysis, grave: Level, edit: str) -> Iterator[Check]:
    if not facts.campaign.workspace.has_legal_block:
        detail = _("The law asks who sends: fill in the legal name and the postal address.")
        yield Check(
            "legal",
            grave,
            Topic.LEGAL,
            _("The workspace has no postal address"),
            detail,
            value="none",
            url=reverse("accounts:settings"),
            action=_("Workspace settings"),
        )
    elif analysis.has_legal_block:
        yield Check("legal", Level.FINE, Topic.LEGAL, _("Legal name and postal address"))
    else:
        detail = _("Put {{ workspace.legal_name }} and {{ workspace.postal_address }} at its end, for everybody.")
        yield Check(
            "legal",
            grave,
            Topic.LEGAL,
            _("The mail does not say who sends it"),
            detail,
            value="none",
            url=edit,
            action=_("Add it"),
        )
