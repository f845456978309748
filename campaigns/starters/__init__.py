"""Letters to start from: data files beside this one, three in each language."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from campaigns.models import Campaign

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Starter:
    """`kind` is html or letter; `body` its source."""

    key: str  # "en/newsletter"
    language: str
    title: str
    description: str
    kind: str
    subject: str
    preheader: str
    body: str
    order: int

    def values(self, campaign: Campaign) -> dict[str, Any]:
        """What a draft takes over. Words that its author has chosen already stay."""
        return {
            "kind": self.kind,
            "language": self.language,
            "subject": campaign.subject or self.subject,
            "preheader": campaign.preheader or self.preheader,
            "letter" if self.kind == "letter" else "html": self.body,
            "text": "",
        }


@functools.cache
def everything() -> dict[str, Starter]:
    found = [_read(path) for path in HERE.glob("*/*.toml")]
    return {starter.key: starter for starter in sorted(found, key=lambda one: (one.language, one.order, one.key))}


def _read(path: Path) -> Starter:
    about = tomllib.loads(path.read_text("utf-8"))
    body = path.with_suffix(".txt" if about["kind"] == "letter" else ".html").read_text("utf-8")
    return Starter(
        key=f"{path.parent.name}/{path.stem}",
        language=path.parent.name,
        title=about["name"],
        description=about["description"],
        kind=about["kind"],
        subject=about["subject"],
        preheader=about["preheader"],
        body=body,
        order=about["order"],
    )


def get(key: str) -> Starter | None:
    return everything().get(key)


def all_of(language: str) -> list[Starter]:
    """Those in this language first."""
    return sorted(everything().values(), key=lambda one: one.language != language)
