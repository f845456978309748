"""The operator's own rules for replies: read at the start, checked by `manage.py check`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from delivery.knowledge import classify
from delivery.knowledge.lines import read_reply
from delivery.knowledge.loading import operators_entries, read_also
from delivery.smtp.replies import Phase


def register() -> None:
    """Raises ImproperlyConfigured for a folder that cannot be used."""
    if not settings.KNOWLEDGE_DIR:
        return
    try:
        read_also(Path(settings.KNOWLEDGE_DIR))
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"KNOWLEDGE_DIR: {error}") from error
    checks.register(unreached)


def unreached(**_options: Any) -> list[checks.CheckMessage]:
    """A warning for each sample that another rule answers."""
    return list(_warnings())


def _warnings() -> Iterator[checks.CheckMessage]:
    for entry in operators_entries():
        phase = Phase(entry.phases[0]) if entry.phases else None
        for sample in entry.samples:
            answered = classify(read_reply(sample, phase=phase), provider=entry.provider).entry
            if answered != entry.id:
                words = f"KNOWLEDGE_DIR: {entry.id} does not answer its sample {sample!r}; {answered} does"
                yield checks.Warning(words, id="delivery.W001")
