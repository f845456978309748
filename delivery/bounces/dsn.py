"""The machine-readable part of a delivery status notification (RFC 3464; in UTF-8: RFC 6533)."""

from __future__ import annotations

import re

from delivery.bounces import mime
from delivery.bounces.codes import ADDRESS, address_in, status_in
from delivery.bounces.notice import PROGRAM, Notice

RECIPIENTS = 200  # of one report
STATUS_LIMIT = 256 << 10  # characters of one part

_TYPED = re.compile(r"\s*([\w-]{1,40})\s*;\s*(.*)", re.DOTALL)
_ACTION = re.compile(r"failed|delayed|delivered|relayed|expanded", re.IGNORECASE)
_ACTIONS = {"failure": "failed", "fail": "failed", "expired": "delayed", "deliverable": "delivered"}
_HEX = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")  # RFC 6533, 3: utf-8-addr-xtext
_XTEXT = re.compile(r"\+([0-9A-F]{2})")

Fields = dict[str, str]


def read(text: str) -> list[Notice]:
    """The notices of one part; [] where it names nobody."""
    blocks = _blocks(text[:STATUS_LIMIT])
    if not blocks:
        return []
    about = blocks[0]
    return [notice for block in blocks if (notice := _notice(block, about))][:RECIPIENTS]


def _blocks(text: str) -> list[Fields]:
    """The groups of fields. Some programs leave out the blank line, or put one within a group."""
    groups: list[Fields] = []
    for chunk in re.split(r"\n[ \t]*\n", text):
        group: Fields = {}
        for name, value in mime.head(chunk):
            if name == "final-recipient" and name in group:
                groups.append(group)
                group = {}
            group.setdefault(name, value)
        if group:
            groups.append(group)
        if len(groups) > RECIPIENTS:
            break
    return groups


def _notice(block: Fields, about: Fields) -> Notice | None:
    recipient = _address(block)
    if not recipient and not ("action" in block and "status" in block):
        return None
    status = block.get("status", "")
    value = block.get("diagnostic-code", "")
    kind, diagnostic = _typed(value)
    return Notice(
        recipient=recipient,
        action=_action(block.get("action", "")),
        status=status_in(status),
        diagnostic=(diagnostic if kind else value) or _words(status),
        command=PROGRAM if kind.startswith("x-unix") else "",
        host=_host(block.get("remote-mta", "")) or _host(about.get("reporting-mta", "")),
    )


def _words(status: str) -> str:
    """Some write the whole reply where the code belongs: "Status: 553 Message too large"."""
    return status if not status_in(status) and len(status) > 8 else ""


def _address(block: Fields) -> str:
    for name in ("final-recipient", "original-recipient", "x-actual-recipient"):
        kind, address = _typed(block.get(name, ""))
        if kind == "utf-8":
            address = _HEX.sub(lambda match: chr(min(int(match[1], 16), 0x10FFFF)), address)
        elif name == "original-recipient":
            address = _XTEXT.sub(lambda match: chr(int(match[1], 16)), address)
        found = address.lower() if kind == "utf-8" and ADDRESS.fullmatch(address) else address_in(address)
        if found:
            return found
    return ""


def _typed(value: str) -> tuple[str, str]:
    match = _TYPED.fullmatch(value)
    return (match[1].lower(), match[2].strip()) if match else ("", value.strip())


def _host(value: str) -> str:
    return _typed(value)[1].partition(" ")[0].strip("()[].").lower()[:255]


def _action(value: str) -> str:
    match = _ACTION.search(value)
    return match[0].lower() if match else _ACTIONS.get(value.strip().lower(), "")
