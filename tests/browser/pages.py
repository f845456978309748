"""Every page of the product, found from the URL names: an address for each, with ids from the sample data.

Run inside the product's settings: `python -m tests.browser.pages`, with what `sample` made on standard input.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

Values = list[tuple[str, list[dict[str, str | int]]]]
"""For which URL names (a shell pattern), which parameters; the first pattern that fits and has them all counts.

Besides parameters a choice may have a `label` and a `query`.
"""


@dataclass(frozen=True)
class Address:
    """`label` tells apart the pages of one name: a draft's and a finished campaign's."""

    name: str
    label: str
    path: str


def named_patterns(patterns: Any, namespaces: tuple[str, ...] = (), route: str = "") -> Iterator[tuple[str, list[str]]]:
    """Each URL name with its parameters."""
    from django.urls import URLResolver

    for pattern in patterns:
        inside = route + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            spaces = (*namespaces, pattern.namespace) if pattern.namespace else namespaces
            yield from named_patterns(pattern.url_patterns, spaces, inside)
        elif (pattern.name and not inside.startswith("api/v1/")) or inside == "api/v1/docs":
            parameters = [*pattern.pattern.converters, *pattern.pattern.regex.groupindex]
            yield ":".join((*namespaces, pattern.name)), list(dict.fromkeys(parameters))


def addresses(values: Values) -> list[Address]:
    """Raises AssertionError for a name for which the sample data has nothing."""
    from django.urls import get_resolver, reverse

    found, unknown = [], []
    for name, parameters in named_patterns(get_resolver().url_patterns):
        choices = choices_for(name, parameters, values)
        if not choices:
            unknown.append(f"{name}({', '.join(parameters)})")
        for choice in choices:
            path = reverse(name, kwargs={parameter: choice[parameter] for parameter in parameters})
            found.append(Address(name, str(choice.get("label", "")), path + str(choice.get("query", ""))))
    assert not unknown, f"tests/browser/sample.py has nothing for {', '.join(unknown)}"
    return found


def choices_for(name: str, parameters: list[str], values: Values) -> list[dict[str, str | int]]:
    for pattern, choices in values:
        exact = parameters or pattern == name
        if exact and fnmatchcase(name, pattern) and all(p in choice for p in parameters for choice in choices):
            return choices
    return [] if parameters else [{}]


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    print(json.dumps([asdict(address) for address in addresses(json.load(sys.stdin))]))


if __name__ == "__main__":
    main()
