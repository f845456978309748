"""The parts that pages are made of. docs/frontend.md shows each with a snippet."""

from __future__ import annotations

import datetime as dt
import functools
import json
from decimal import Decimal
from typing import Any

from django import template
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, Form, RadioSelect
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext

from accounts.models import Language
from analytics.reports import RATED
from config import formats, vocabulary

register = template.Library()
SIGNS = {
    "stop": "alert-octagon",
    "wait": "alert-triangle",
    "run": "info-circle",
    "done": "circle-check",
    "mute": "info-circle",
}
SEGMENTS = {"delivered": "done", "failed": "stop", "retrying": "wait", "on_the_way": "run", "unknown": "ghost"}


@functools.cache
def built(name: str) -> dict[str, str]:
    path = settings.STATIC_BUILD / name
    if not path.exists():
        raise ImproperlyConfigured("The front end is not built: run `make install`")
    loaded: dict[str, str] = json.loads(path.read_text())
    return loaded


@register.simple_tag
def asset(name: str) -> str:
    """The address of a built file: `{% asset "app.css" %}`."""
    return static(built("assets.json")[name])


@register.simple_tag
def icon(name: str, size: int = 18, tone: str = "") -> SafeString:
    """An inline icon, hidden from screen readers: the words beside it say what it means."""
    if name not in built("icons.json"):
        raise template.TemplateSyntaxError(f"icon {name!r} is not in config/assets/icons.txt")
    inner = mark_safe(built("icons.json")[name])  # from our own build
    classes = "icon" + (f" icon-{size}" if size != 18 else "") + (f" is-{tone}" if tone else "")
    return format_html('<svg class="{}" viewBox="0 0 24 24" aria-hidden="true">{}</svg>', classes, inner)


@register.simple_tag
def badge(state: str, kind: str = "", word: str = "") -> SafeString:
    """The badge of a state: `{% badge campaign.state %}`, `{% badge job.state "job" %}`."""
    look = vocabulary.look(str(state), kind)
    return mark(look.tone, look.icon, word or look.word)


@register.simple_tag
def mark(tone: str, icon_name: str, word: str | Promise) -> SafeString:
    """A badge with words of its own: `{% mark "wait" "hourglass" _("Full, resting") %}`."""
    return format_html('<span class="badge" data-tone="{}">{}{}</span>', tone, icon(icon_name, 14), word)


@register.simple_tag
def number(value: int | float | Decimal | None) -> str:
    return formats.number(value)


@register.filter
def language_word(code: str) -> str:
    """`ja` as `日本語`; a code of another language stays as it is."""
    return str(dict(Language.choices).get(code, code))


@register.simple_tag
def share(part: int | None, whole: int | None, fine: bool = False) -> str:
    return formats.share(part, whole, fine=fine)


@register.simple_tag
def rate(part: int, whole: int, fine: bool = False, none: str = "") -> str:
    """A share of people; `none` where they are too few for one."""
    return formats.share(part, whole, fine=fine) if whole >= RATED else none


@register.simple_tag
def counted(part: int, whole: int) -> SafeString:
    """People, and their share where there are enough: `1,902 11.9%`. Its place is kept, so that figures align."""
    said = rate(part, whole) if part else ""
    return format_html('{} <span class="quiet part">{}</span>', formats.number(part), said)


@register.simple_tag
def percent(part: int, whole: int) -> str:
    return formats.whole_percent(part, whole)


@register.simple_tag
def when(moment: dt.datetime | None, style: str = "full") -> SafeString:
    """A time in the reader's zone and language. Styles: full, short, date, time, seconds, relative."""
    if moment is None:
        return mark_safe("–")
    local = timezone.localtime(moment)
    language = get_language() or "en"
    full = formats.moment_text(local, language, "full", today=local.date())
    if style == "relative":
        return format_html('<time datetime="{}" title="{}" data-relative>{}</time>', local.isoformat(), full, full)
    text = formats.moment_text(local, language, style, today=timezone.localdate())
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(), full, text)


@register.simple_tag
def field(bound: BoundField, hint: str = "", label: str = "", counter: str = "", **attrs: Any) -> str:
    """Label, control, hint and error of one form field. Further arguments become attributes of the control."""
    widget = bound.field.widget
    shape = "group" if isinstance(widget, RadioSelect | CheckboxSelectMultiple) else "plain"
    if isinstance(widget, CheckboxInput):
        shape = "check"
    help_text = hint or bound.help_text
    describing = [f"{bound.auto_id}_hint"] * bool(help_text) + [f"{bound.auto_id}_error"] * bool(bound.errors)
    extra = {name.replace("_", "-"): value for name, value in attrs.items()}
    if describing:
        extra["aria-describedby"] = " ".join(describing)
    context = {
        "field": bound,
        "shape": shape,
        "label": label or bound.label,
        "hint": help_text,
        "counter": counter,
        "control": bound.as_widget(attrs=extra) if shape != "group" else "",
        "described": " ".join(describing),
    }
    return render_to_string("parts/field.html", context)


@register.simple_tag
def form_errors(form: Form) -> str:
    """The summary above a refused form: takes the focus, links to the fields."""
    return render_to_string("parts/form_errors.html", {"form": form}) if form.errors else ""


@register.inclusion_tag("parts/pager.html")
def pager(newer: str = "", older: str = "", text: str = "") -> dict[str, str]:
    """Keyset pages: query strings for both ways, and what is shown (`1–50 of 8,541`)."""
    return {"newer": newer, "older": older, "text": text}


@register.inclusion_tag("parts/copy.html")
def copy(text: str, label: str = "") -> dict[str, str]:
    """A button that copies `text`; with `label` a small button with words, else an icon."""
    return {"text": text, "label": label}


@register.simple_tag
def progress(total: int, label: str = "", **parts: int) -> SafeString:
    """The bar of a mailing: `{% progress total=n delivered=a failed=b retrying=c on_the_way=d %}`."""
    shares = [(SEGMENTS[name], parts[name] or 0) for name in SEGMENTS if parts.get(name)]
    return bar("bar", shares, total, label or gettext("Progress"))


@register.simple_tag
def meter(part: int, whole: int, tone: str = "ai") -> SafeString:
    """One share as a thin bar beside its figure. Tones: ai, ghost, done, wait, stop, run."""
    return bar("meter", [(tone, part)], whole, "")


def bar(name: str, shares: list[tuple[str, int]], total: int, label: str) -> SafeString:
    """Drawn as SVG, whose widths are attributes: the page needs no inline style."""
    rects, at = [], 0.0
    for tone, count in shares:
        width = max(count * 100 / total, 0.15) if total and count else 0
        rects.append((f"m-{tone}" + (" lone" if len(shares) == 1 else ""), f"{at:.3f}%", f"{width:.3f}%"))
        at += width
    inner = format_html_join("", '<rect class="{}" x="{}" width="{}" height="100%"></rect>', rects)
    if not label:
        return format_html('<svg class="{}" aria-hidden="true">{}</svg>', name, inner)
    done = formats.whole_percent(sum(count for _, count in shares), total)
    return format_html('<svg class="{}" role="img" aria-label="{}: {}">{}</svg>', name, label, done, inner)


@register.simple_block_tag
def callout(content: str, tone: str, title: str = "", icon_name: str = "") -> SafeString:
    """What happened (title), and what it means or what to do (content). A button: put it in `<div class="actions">`."""
    sign = icon(icon_name or SIGNS[tone])
    head = format_html("<b>{}</b>", title) if title else ""
    return format_html(
        '<div class="callout" data-tone="{}">{}<div class="text">{}{}</div></div>', tone, sign, head, content
    )


@register.simple_block_tag
def empty(content: str, icon_name: str, title: str) -> SafeString:
    """Nothing here yet: an invitation, one sentence of purpose, one primary action."""
    return format_html('<div class="empty">{}<h2>{}</h2>{}</div>', icon(icon_name, 22), title, content)
