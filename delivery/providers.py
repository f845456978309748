"""The named mailbox providers and gateways: by MX host, by domain, by what a reply says.

Pure. The data is providers.toml beside this file, read once on the first question.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

OTHER = "other"  # in place of a key: everybody whose provider has no name here


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider. Those of one family answer alike, so the knowledge base has rules by family."""

    key: str
    family: str
    label_en: str
    label_ja: str
    mx: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def named() -> dict[str, Provider]:
    """All named providers by key, in the order of the file."""
    data = tomllib.loads((Path(__file__).parent / "providers.toml").read_text("utf-8"))
    return {key: _provider(key, row) for key, row in data.items() if isinstance(row, dict)}


def _provider(key: str, row: dict[str, str | list[str]]) -> Provider:
    def words(name: str) -> tuple[str, ...]:
        return tuple(row.get(name, ()))

    return Provider(
        key=key,
        family=str(row.get("family", key)),
        label_en=str(row["label_en"]),
        label_ja=str(row["label_ja"]),
        mx=words("mx"),
        domains=words("domains"),
        signs=words("signs"),
        names=words("names"),
    )


def known(key: str) -> bool:
    """Whether people can be picked out by it: a provider's key, OTHER, or "" for all."""
    return key in ("", OTHER) or key in named()


@lru_cache(maxsize=1)
def _by_mx() -> dict[str, str]:
    return {suffix: provider.key for provider in named().values() for suffix in provider.mx}


@lru_cache(maxsize=1)
def _by_domain() -> dict[str, str]:
    return {domain: provider.key for provider in named().values() for domain in provider.domains}


@lru_cache(maxsize=1)
def _families() -> dict[str, str]:
    """Every name by which a caller may call a provider, with its family."""
    families: dict[str, str] = {}
    for provider in named().values():
        for name in (provider.key, provider.family, provider.label_en, provider.label_ja, *provider.names):
            families.setdefault(name.lower(), provider.family)
    return families


@lru_cache(maxsize=1)
def signs() -> dict[str, str]:
    """Lower-case phrases by which a reply gives its server away, with the family; the first that occurs counts."""
    return {sign: provider.family for provider in named().values() for sign in provider.signs}


def provider_of_mx(host: str) -> str | None:
    """The key of the provider that runs this MX host, or None: the longest known suffix wins."""
    labels = host.lower().rstrip(".").split(".")[-8:]
    suffixes = (".".join(labels[start:]) for start in range(len(labels)))
    return next((_by_mx()[suffix] for suffix in suffixes if suffix in _by_mx()), None)


def provider_of_domain(domain: str) -> str | None:
    """The key of the provider whose people have addresses at `domain` itself, or None. Prefer the MX."""
    return _by_domain().get(domain.lower().rstrip("."))


def label(key: str, language: str) -> str:
    """The provider's name for people; the key itself if there is no such provider."""
    provider = named().get(key)
    if provider is None:
        return key
    return provider.label_ja if language.startswith("ja") else provider.label_en


def family_label(family: str, language: str) -> str:
    """The names of all who answer alike: `Gmail, Google Workspace`."""
    keys = [provider.key for provider in named().values() if provider.family == family]
    return ("、" if language.startswith("ja") else ", ").join(label(key, language) for key in keys)


@lru_cache(maxsize=1024)
def family(name: str) -> str:
    """The family for a key, a label, an MX host or a domain; "" for a name that nobody bears."""
    name = name[:255].lower().strip()
    if name in _families():
        return _families()[name]
    key = provider_of_domain(name) or provider_of_mx(name)
    return named()[key].family if key else ""


def family_by_signs(phrases: set[str]) -> str:
    """The family that these phrases give away, or "": of several signs the first in the file counts."""
    seen = phrases & signs().keys()
    return next((family for sign, family in signs().items() if sign in seen), "") if seen else ""
