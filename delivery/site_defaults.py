"""How the known large receivers want to be visited, where no limit says otherwise. Pure: the data is site_defaults.toml
beside this file, read once on the first question."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

OUR_CAUTION = "our caution"


@dataclass(frozen=True, slots=True)
class Manners:
    """Connections of all workers together, messages over each, seconds without work until it is closed."""

    provider: str
    connections: int
    per_connection: int
    idle_seconds: int
    source: str  # an address, or OUR_CAUTION
    date: str  # when that was looked up

    @property
    def published(self) -> bool:
        return self.source != OUR_CAUTION


@lru_cache(maxsize=1)
def known() -> dict[str, Manners]:
    """By provider, in the order of the file."""
    data = tomllib.loads((Path(__file__).parent / "site_defaults.toml").read_text("utf-8"))
    return {key: Manners(key, **row) for key, row in data.items()}


def of(provider: str) -> Manners | None:
    return known().get(provider)
