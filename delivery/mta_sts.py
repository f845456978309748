"""MTA-STS: what a domain says of the servers that may take its mail, and how (RFC 8461). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

LONGEST = 31_557_600  # seconds that a policy may hold (3.2): about a year
SHORTEST = 300  # and at least: a policy that is over at once would be asked for with every message
MOST_MX = 100
ENFORCE, TESTING, NONE = "enforce", "testing", "none"

_RECORD = re.compile(r"v=STSv1\s*;(.*)", re.DOTALL)
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_PATTERN = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*")


class BadPolicy(ValueError):
    """Its text is no policy; the words say why."""


@dataclass(frozen=True, slots=True)
class Policy:
    """`mode` is enforce, testing or none; `mx` names the servers: "mx.example.net", "*.example.net"."""

    id: str
    mode: str
    mx: tuple[str, ...]
    max_age: int = LONGEST

    def names(self, host: str) -> bool:
        """Whether it lets this MX take the mail: a wildcard stands for the left-most label alone (4.1)."""
        name = host.lower().rstrip(".")
        return name in self.mx or f"*.{name.partition('.')[2]}" in self.mx


def record_id(values: Iterable[str]) -> str:
    """Of the TXT records at _mta-sts; "" without a policy, which more than one record means too (3.1)."""
    records = [found[1] for value in values if (found := _RECORD.fullmatch(value.strip()))]
    if len(records) != 1:
        return ""
    fields = (part.partition("=") for part in records[0].split(";"))
    ids = [value.strip() for name, _sign, value in fields if name.strip() == "id"]
    return ids[0] if ids and _ID.fullmatch(ids[0]) else ""


def parse(text: str, policy_id: str) -> Policy:
    """The policy in a file (3.2). What is unknown is left out, what comes twice counts once. Raises BadPolicy."""
    fields, mx = _fields(text)
    if fields.get("version") != "STSv1":
        raise BadPolicy("the version is not STSv1")
    mode = fields.get("mode", "")
    if mode not in (ENFORCE, TESTING, NONE):
        raise BadPolicy("the mode is not enforce, testing or none")
    if not re.fullmatch(r"\d{1,10}", fields.get("max_age", "")):
        raise BadPolicy("max_age is not a number")
    if mode != NONE and not mx:
        raise BadPolicy("it names no mail server")
    if len(mx) > MOST_MX or not all(_PATTERN.fullmatch(name) for name in mx):
        raise BadPolicy("its list of mail servers cannot be used")
    return Policy(policy_id, mode, tuple(mx), min(max(int(fields["max_age"]), SHORTEST), LONGEST))


def _fields(text: str) -> tuple[Mapping[str, str], Sequence[str]]:
    fields: dict[str, str] = {}
    mx: list[str] = []
    for line in text.splitlines():
        name, sign, value = line.partition(":")
        if sign and name.strip() == "mx":
            mx.append(value.strip().lower().rstrip("."))
        elif sign:
            fields.setdefault(name.strip(), value.strip())
    return fields, mx
