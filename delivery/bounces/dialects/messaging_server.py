"""PMDF and its heirs: iPlanet, Sun and Oracle Messaging Server, iCloud: "Recipient address:" and fields below it."""

from __future__ import annotations

import re
from dataclasses import replace

from delivery.bounces.codes import address_in
from delivery.bounces.dialects.blocks import told
from delivery.bounces.letter import Letter
from delivery.bounces.notice import Notice

_FIELD = re.compile(r"\s{1,8}(Recipient address|Original address|Reason|Diagnostic code|Remote system)\s?: ?(.*)")
_LOCAL = re.compile(r"unknown or illegal (?:alias|user)", re.IGNORECASE)  # its own directory says so
_ARRIVED = re.compile(r"(?:successfully delivered|has been (?:relayed|delivered)|been forwarded) to the following")
_LATE = ("has been enqueued and undelivered", "will continue to try", "delayed")


def read(letter: Letter) -> list[Notice]:
    if "Recipient address:" not in letter.text:
        return []
    groups: list[dict[str, str]] = []
    last = ""
    for line in letter.text.split("\n"):
        match = _FIELD.match(line)
        if match and match[1] == "Recipient address":
            groups.append({})
        if match and groups:
            last = match[1]
            groups[-1].setdefault(last, match[2])
        elif groups and last and line.startswith("    "):
            groups[-1][last] += " " + line.strip()
        elif line.startswith("Reporting-MTA:"):
            break
    late = "delayed" if any(words in letter.text for words in _LATE) else "failed"
    action = "delivered" if _ARRIVED.search(letter.text) else late
    found = told(((_to(group), _said(group)) for group in groups if _to(group)), action)
    return [replace(each, command="rcpt") if _LOCAL.match(each.diagnostic) else each for each in found]


def _to(group: dict[str, str]) -> str:
    """The address as it was sent; "@smtp.example.net:someone@server" is how their own system calls it."""
    return address_in(group.get("Original address", "")) or address_in(group.get("Recipient address", ""))


def _said(group: dict[str, str]) -> str:
    quoted = group.get("Diagnostic code", "").partition(";")[2]
    host = group.get("Remote system", "").partition(";")[2].strip().partition(" ")[0]
    return f"{quoted or group.get('Reason', '')} (host {host})" if "." in host else quoted or group.get("Reason", "")
