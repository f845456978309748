"""Frozen content between its pure form and its rows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from accounts.fields import reveal, seal
from delivery.content.slots import untracked
from delivery.content.source import Frozen
from delivery.models import Content, Link

if TYPE_CHECKING:
    from accounts.models import Workspace


def store(workspace: Workspace, frozen: Frozen) -> Content:
    """The row of this content: the same letter is kept once a workspace. Call it in a transaction."""
    content, new = Content.objects.get_or_create(
        workspace=workspace,
        hash=frozen.hash,
        defaults={
            "subject": frozen.subject,
            "preheader": frozen.preheader,
            "html": frozen.html,
            "text": frozen.text,
            "headers": dict(frozen.headers),
            "fields": list(frozen.fields),
            "language": frozen.language,
        },
    )
    if new:
        texts = frozen.link_texts or ("",) * len(frozen.links)
        Link.objects.bulk_create(
            Link(content=content, number=number, url=url, text=text[:200])
            for number, (url, text) in enumerate(zip(frozen.links, texts, strict=True))
        )
    return content


def store_sealed(workspace: Workspace, frozen: Frozen) -> Content:
    """The row of a letter whose words are secret: no one can read them, or follow its links, without our keys."""
    letter = untracked(frozen)
    content = store(workspace, replace(letter, html="", text="", links=(), link_texts=()))
    seal(content, "body_sealed", json.dumps({"html": letter.html, "text": letter.text}))
    content.save(update_fields=["body_sealed"])
    return content


def load(content: Content) -> Frozen:
    body = json.loads(reveal(content, "body_sealed") or "{}")
    links = list(content.links.order_by("number"))
    return Frozen(
        hash=content.hash,
        subject=content.subject,
        preheader=content.preheader,
        html=body.get("html", content.html),
        text=body.get("text", content.text),
        links=tuple(link.url for link in links),
        link_texts=tuple(link.text for link in links),
        fields=tuple(content.fields),
        headers=content.headers,
        language=content.language,
    )
