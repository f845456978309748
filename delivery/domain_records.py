"""The DNS records of a sending domain: what should be there, and how what was found differs. Pure."""

from __future__ import annotations

import difflib
import enum
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_FOUND = 4096  # characters of a found record that are compared: DNS is hostile input too


class Key(enum.StrEnum):
    """Which record, and what it is for."""

    DKIM = "dkim"  # the key that our signatures are verified with
    DKIM_NEXT = "dkim_next"  # the key that signs once this is seen
    DKIM_FORMER = "dkim_former"  # the key that signed before: mail of its time is still on its way
    SPF = "spf"  # who may send with our return-path
    RETURN_PATH = "return_path"  # where bounces come back
    DMARC = "dmarc"  # what receivers do with mail that is not ours
    TRACKING = "tracking"  # the domain's own name in links, instead of the install's


class Note(enum.StrEnum):
    """What is the matter with a record whose words are right, or may be."""

    SPF_LOOKUPS = "spf_lookups"  # more than receivers make
    SPF_VOID = "spf_void"  # more names that lead nowhere than receivers follow
    SPF_BROKEN = "spf_broken"  # an include without a record
    NULL_MX = "null_mx"  # the domain says that it has no mail (RFC 7505)
    DMARC_REMOVED = "dmarc_removed"  # pct, rf, ri are no more (RFC 9989)
    DMARC_ABOVE = "dmarc_above"  # the record of a domain above holds


HARMLESS = frozenset({Note.DMARC_REMOVED, Note.DMARC_ABOVE})


class Status(enum.StrEnum):
    """What the last look found."""

    OK = "ok"
    MISSING = "missing"
    DIFFERENT = "different"
    UNCHECKED = "unchecked"  # DNS did not answer, or nobody looked yet


@dataclass(frozen=True)
class Record:
    """One record to publish. `value` is what a person pastes into the DNS form."""

    key: Key
    type: str  # TXT, MX, CNAME
    host: str
    value: str
    required: bool  # without it the domain is not verified


@dataclass(frozen=True)
class Mark:
    """A stretch of a value: the same in both, or only in this one."""

    text: str
    differs: bool


def expected(
    *,
    domain: str,
    return_path: str,
    tracking: str,
    dkim_host: str,
    dkim_value: str,
    mail_host: str,
    web_host: str,
    reports_to: str = "",
) -> list[Record]:
    """`mail_host` is the name that our servers send as; `web_host` that of the tracking address; `reports_to` takes
    DMARC reports, "" where nothing does."""
    rua = f"; rua=mailto:{reports_to}" if reports_to else ""
    return [
        Record(Key.DKIM, "TXT", dkim_host, dkim_value, True),
        Record(Key.SPF, "TXT", return_path, f"v=spf1 a:{mail_host} ~all", True),
        Record(Key.RETURN_PATH, "MX", return_path, f"10 {mail_host}", True),
        Record(Key.DMARC, "TXT", f"_dmarc.{domain}", f"v=DMARC1; p=none{rua}", True),
        *([Record(Key.TRACKING, "CNAME", tracking, web_host, False)] if tracking else []),
    ]


def judge(record: Record, found: Sequence[str] | None, ours: Sequence[str] = ()) -> Status:
    """`found` are the values at the record's host, None when DNS did not answer; `ours` the addresses that we send
    from."""
    if found is None:
        return Status.UNCHECKED
    meant = candidates(record, found)
    if not meant:
        return Status.MISSING
    return Status.OK if len(meant) == 1 and _fits(record, meant[0], ours) else Status.DIFFERENT


def candidates(record: Record, found: Sequence[str]) -> list[str]:
    """Those of the found values that mean this record: a host may hold other TXT records too."""
    start = {Key.SPF: "v=spf1", Key.DMARC: "v=dmarc1"}.get(record.key)
    if start:
        return [value for value in found if value.strip().lower().startswith(start)]
    return list(found)


def _fits(record: Record, value: str, ours: Sequence[str]) -> bool:
    if record.key in (Key.DKIM, Key.DKIM_NEXT, Key.DKIM_FORMER):
        want, have = _tags(record.value), _tags(value)
        return have.get("p") == want["p"] and have.get("k", "rsa") == "rsa" and have.get("v", "DKIM1") == "DKIM1"
    if record.key is Key.SPF:
        return _spf_allows(value, record.value.split()[1].removeprefix("a:"), ours)
    if record.key is Key.DMARC:
        return _tags(value).get("p", "none").lower() in ("none", "quarantine", "reject")
    return _name(value) == _name(record.value)


def _spf_allows(value: str, mail_host: str, ours: Sequence[str]) -> bool:
    """Our server by name, by its return-path MX, or by its address; or an include that the domain's owner chose, as
    for a smarthost (RFC 7208, 5). A network without our address allows somebody else."""
    for term in value[:MAX_FOUND].lower().split()[1:]:
        if term.lstrip("+-~?") == "all":
            return False  # what follows is not read
        name, _colon, rest = term.removeprefix("+").partition(":")
        if name.startswith("redirect=") or name == "mx" or (name == "include" and rest):
            return True
        if name == "a" and rest.rstrip(".") == mail_host:
            return True
        if name in ("ip4", "ip6") and any(_inside(address, rest) for address in ours):
            return True
    return False


def _inside(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _tags(value: str) -> dict[str, str]:
    """tag=value; … of DKIM and DMARC; white space in values is folding (RFC 6376, 3.2)."""
    pairs = (part.partition("=") for part in value[:MAX_FOUND].split(";"))
    return {name.strip().lower(): re.sub(r"\s+", "", text) for name, _sign, text in pairs if name.strip()}


def _name(value: str) -> str:
    return " ".join(value.lower().rstrip(".").split())


def difference(want: str, have: str) -> tuple[list[Mark], list[Mark]]:
    """Both values in stretches, those that differ marked. Long equal stretches are shortened in the middle."""
    want, have = want[:MAX_FOUND], have[:MAX_FOUND]
    matcher = difflib.SequenceMatcher(None, want, have, autojunk=False) if len(want) * len(have) < 10**6 else None
    if matcher is None:
        return [Mark(want, True)], [Mark(have, True)]
    should, now = [], []
    for operation, a, b, c, d in matcher.get_opcodes():
        if a < b or operation == "insert":
            should.append(Mark(_short(want[a:b]) if operation == "equal" else want[a:b], operation != "equal"))
        if c < d or operation == "delete":
            now.append(Mark(_short(have[c:d]) if operation == "equal" else have[c:d], operation != "equal"))
    return should, now


def _short(text: str, keep: int = 14) -> str:
    return text if len(text) <= 2 * keep + 3 else f"{text[:keep]}…{text[-keep:]}"


def place_of_difference(want: str, have: str) -> int:
    """At which character (from 1) they part."""
    same = 0
    for one, other in zip(want, have, strict=False):
        if one != other:
            break
        same += 1
    return same + 1


def parents(domain: str) -> list[str]:
    """Where a DMARC policy may stand besides the domain itself: the tree walk of RFC 9989, to the top level, with at
    most eight questions."""
    labels = domain.split(".")
    first = max(1, len(labels) - 7)
    return [".".join(labels[n:]) for n in range(first, len(labels))]


def policies(values: Sequence[str], *, top: bool = False) -> list[str]:
    """DMARC records among TXT values. At a top level only one that says so holds (psd=y)."""
    found = [value for value in values if value.strip().lower().startswith("v=dmarc1")]
    return [value for value in found if not top or _tags(value).get("psd") == "y"]


def policy(value: str, *, below: bool = False) -> str:
    """none, quarantine or reject; what is missing or unknown is none (RFC 9989, 4.7). `below`: for a domain under the
    record's own, which has `sp`, if that is said."""
    tags = _tags(value)
    p = (tags.get("sp", "") if below else "").lower() or tags.get("p", "none").lower()
    return p if p in ("quarantine", "reject") else "none"


def reports_to(value: str, address: str) -> bool:
    """Whether a DMARC record has reports sent to this address. A limit of size behind it is ignored (RFC 9990)."""
    wanted = _tags(value).get("rua", "").lower().split(",")
    return any(one.partition("!")[0] == f"mailto:{address}".lower() for one in wanted)


def removed_tags(value: str) -> list[str]:
    """Those that DMARC had and has no more."""
    return sorted({"pct", "rf", "ri"} & _tags(value).keys())
