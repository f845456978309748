"""The shape that most free-text reports share: a line that names a recipient, below it what is said of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from delivery.bounces.codes import address_in, code_in, command_in, host_in, status_in
from delivery.bounces.notice import DIAGNOSTIC_LIMIT, Notice

RECIPIENTS = 200  # of one report
NOTHING = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class Form:
    """How a program lays out its report. `names` are tried in order: group "to" is the recipient, "said" (if there is
    one) the start of what is said of it. `opens` are phrases one of which must have occurred before; `ends` closes."""

    names: tuple[re.Pattern[str], ...]
    opens: tuple[str, ...] = ()
    skips: re.Pattern[str] = NOTHING
    ends: re.Pattern[str] = NOTHING
    action: str = ""


@dataclass(slots=True)
class _Block:
    to: str
    said: list[str] = field(default_factory=list)


def notices(text: str, form: Form) -> list[Notice]:
    """The recipients that a text names in this form, each with what is said of it."""
    return told(_blocks(text, form), form.action)


def told(blocks: Iterable[tuple[str, str]], action: str = "") -> list[Notice]:
    """Notices from pairs of recipient and words. One without words shares those of the next one that has some."""
    found: list[Notice] = []
    seen: dict[tuple[str, str], None] = {}
    for to, said in blocks:
        if not to or len(found) >= RECIPIENTS or (to, said) in seen:
            continue
        seen[to, said] = None
        found.append(notice(to, said, action))
    return _merged(_shared(found))


def notice(to: str, said: str, action: str = "") -> Notice:
    """One recipient, with the codes, the host and the command that the words tell of."""
    said = " ".join(said[: DIAGNOSTIC_LIMIT * 2].split())[:DIAGNOSTIC_LIMIT]
    status = status_in(said)
    return Notice(to, action, status, said, code_in(said, status[:1]), host_in(said), command_in(said))


def _blocks(text: str, form: Form) -> list[tuple[str, str]]:
    blocks: list[_Block] = []
    opened = not form.opens
    for line in text.split("\n"):
        opened = opened or any(phrase in line for phrase in form.opens)
        if not opened:
            continue
        if form.ends.search(line):
            break
        match = next((match for match in (name.match(line) for name in form.names) if match), None)
        to = address_in(match["to"]) if match else ""
        if match and to:
            blocks.append(_Block(to, [match.groupdict().get("said") or ""]))
        elif blocks and not form.skips.search(line):
            blocks[-1].said.append(line.strip())
        if len(blocks) > RECIPIENTS:
            break
    return [(block.to, " ".join(filter(None, block.said))) for block in blocks]


def _shared(found: list[Notice]) -> list[Notice]:
    said: Notice | None = None
    out: list[Notice] = []
    for each in reversed(found):
        if each.diagnostic:
            said = each
        out.append(each if each.diagnostic or said is None else replace(said, recipient=each.recipient))
    return out[::-1]


def _merged(found: list[Notice]) -> list[Notice]:
    """One notice a recipient: programs repeat themselves, in a second language or in more detail."""
    best: dict[str, Notice] = {}
    for each in found:
        if _weight(each) > _weight(best.get(each.recipient)):
            best[each.recipient] = each
    return list(best.values())


def _weight(each: Notice | None) -> int:
    if each is None:
        return -1
    return 2 * bool(each.code) + 2 * bool(each.status) + bool(each.diagnostic)
