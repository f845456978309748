"""Reads one DMARC aggregate report: XML, gzip or zip (RFC 9990, and RFC 7489, appendix C). Pure.

Reports are hostile: anybody may send one. Nothing is unpacked further than the caps, nothing nested is unpacked at
all, a document type (and with it every entity) is refused, and no tree of the document is built.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections import defaultdict
from dataclasses import dataclass
from xml.parsers import expat

from delivery.dmarc.unpacking import TooBig, Unreadable, xml_of

__all__ = ["Policy", "Reason", "Report", "Row", "Signature", "SpfCheck", "Unreadable", "read"]

MOST_ROWS = 20_000
MOST_ELEMENTS = 1_000_000
MOST_PARTS = 50  # signatures, SPF checks or reasons of one row
DEEPEST = 12  # elements within each other; the schema needs 5
LONGEST = 500  # characters of one value
LONGEST_TAG = 1_000_000  # octets that expat has to keep, since what they are is not yet seen
EARLIEST, LATEST = 946_684_800, 4_102_444_800  # 2000 to 2100, in seconds since 1970

RESULTS = frozenset({"none", "pass", "fail", "policy", "neutral", "softfail", "temperror", "permerror"})
OTHER_NAMES = {"hardfail": "fail", "error": "temperror", "unknown": "permerror"}  # of drafts before RFC 7489
DISPOSITIONS = frozenset({"none", "pass", "quarantine", "reject"})


@dataclass(frozen=True, slots=True)
class Signature:
    """One DKIM signature as the receiver checked it. `result` is one of RESULTS, "" where it is none of them."""

    domain: str
    selector: str
    result: str


@dataclass(frozen=True, slots=True)
class SpfCheck:
    """SPF of the envelope. `scope` is mfrom or helo; `result` as in Signature."""

    domain: str
    scope: str
    result: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the receiver did otherwise than the policy asks: forwarded, mailing_list, local_policy, …"""

    kind: str
    comment: str


@dataclass(frozen=True, slots=True)
class Row:
    """`count` messages from one address that fared alike. `dkim` and `spf` are DMARC's own results, with alignment."""

    source_ip: str
    count: int
    disposition: str  # none, pass, quarantine, reject; "" where it is none of them
    dkim: bool
    spf: bool
    header_from: str
    envelope_from: str = ""
    envelope_to: str = ""
    signatures: tuple[Signature, ...] = ()
    spf_checks: tuple[SpfCheck, ...] = ()
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """What the receiver found in the domain's DMARC record; "" for what the report does not say."""

    domain: str
    p: str = ""
    sp: str = ""
    np: str = ""
    adkim: str = ""
    aspf: str = ""
    pct: str = ""
    fo: str = ""
    testing: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """`org` and `report_id` together name it. `skipped` rows had no usable address or count."""

    org: str
    email: str
    report_id: str
    begin: dt.datetime
    end: dt.datetime
    policy: Policy
    rows: tuple[Row, ...]
    skipped: int = 0
    errors: tuple[str, ...] = ()


def read(data: bytes) -> Report:
    """Raises Unreadable, with a reason in English, for whatever is no report or more than the caps allow."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.doctype
    try:
        fed = 0
        for piece in xml_of(data):
            parser.Parse(piece, False)
            fed += len(piece)
            if fed - parser.CurrentByteIndex > LONGEST_TAG:
                raise TooBig("one of its tags does not end")
        parser.Parse(b"", True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise Unreadable(f"no well-formed XML: {error}") from error
    return reader.report()


class _Reader:
    """What expat says becomes rows; of the document only the record at hand is kept."""

    def __init__(self) -> None:
        self._path: list[str] = []  # of each open element its names from below feedback on, as in record/row
        self._elements = 0
        self._said: list[str] = []
        self._length = 0
        self._values: dict[str, str] = {}  # of report_metadata and policy_published, by path
        self._errors: list[str] = []
        self._record: dict[str, str] = {}
        self._parts: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
        self._rows: list[Row] = []
        self._skipped = 0

    def doctype(self, *_declared: object) -> None:
        raise Unreadable("it has a document type, which no report needs")

    def start(self, tag: str, _attributes: object) -> None:
        name = tag.rpartition(":")[2].lower()
        self._elements += 1
        if self._elements > MOST_ELEMENTS or len(self._path) >= DEEPEST:
            raise TooBig(f"it has more than {MOST_ELEMENTS} elements, or {DEEPEST} within each other")
        if not self._path and name != "feedback":
            raise Unreadable(f"its first element is {name[:LONGEST]!r}, not feedback")
        where = f"{self._path[-1]}/{name}" if len(self._path) > 1 else name if self._path else ""
        self._path.append(where)
        self._said.clear()
        self._length = 0
        if where == "record":
            self._record.clear()
            self._parts.clear()
        elif where in _PARTS and len(self._parts[where]) < MOST_PARTS:
            self._parts[where].append({})

    def text(self, said: str) -> None:
        if self._length < LONGEST:
            self._said.append(said[: LONGEST - self._length])
            self._length += len(said)

    def end(self, _tag: str) -> None:
        value = " ".join("".join(self._said).split())
        self._said.clear()
        where = self._path.pop()
        above, _, name = where.rpartition("/")
        if where == "record":
            self._end_record()
        elif above in _PARTS and self._parts[above]:
            self._parts[above][-1].setdefault(name, value)
        elif above in _OF_RECORD:
            self._record.setdefault(name, value)
        elif where == "report_metadata/error" and len(self._errors) < MOST_PARTS:
            self._errors.append(value)
        elif above in _OF_REPORT:
            self._values.setdefault(where, value)

    def _end_record(self) -> None:
        row = _row(self._record, self._parts)
        if row is None:
            self._skipped += 1
        else:
            self._rows.append(row)
        if len(self._rows) + self._skipped > MOST_ROWS:
            raise TooBig(f"it has more than {MOST_ROWS} rows")

    def report(self) -> Report:
        policy = {key.rpartition("/")[2]: value for key, value in self._values.items() if key.startswith("policy")}
        domain, org = _domain(policy.get("domain", "")), self._values.get("report_metadata/org_name", "")
        report_id = self._values.get("report_metadata/report_id", "")
        if not domain or not org or not report_id:
            raise Unreadable("it does not say who reports on which domain under which id")
        return Report(
            org=org,
            email=self._values.get("report_metadata/email", ""),
            report_id=report_id,
            begin=_time(self._values.get("report_metadata/date_range/begin", "")),
            end=_time(self._values.get("report_metadata/date_range/end", "")),
            policy=Policy(domain, **{key: policy.get(key, "").lower() for key in _POLICY}),
            rows=tuple(self._rows),
            skipped=self._skipped,
            errors=tuple(self._errors),
        )


_OF_REPORT = frozenset({"report_metadata", "report_metadata/date_range", "policy_published"})
_OF_RECORD = frozenset({"record/row", "record/row/policy_evaluated", "record/identifiers"})
_DKIM, _SPF, _REASON = "record/auth_results/dkim", "record/auth_results/spf", "record/row/policy_evaluated/reason"
_PARTS = frozenset({_DKIM, _SPF, _REASON})
_POLICY = ("p", "sp", "np", "adkim", "aspf", "pct", "fo", "testing")


def _row(record: dict[str, str], parts: dict[str, list[dict[str, str]]]) -> Row | None:
    """None for a row without a usable address or count."""
    address, count = _address(record.get("source_ip", "")), record.get("count", "")
    if not address or not (count.isascii() and count.isdigit() and len(count) <= 12):
        return None
    disposition = record.get("disposition", "").lower()
    return Row(
        source_ip=address,
        count=int(count),
        disposition=disposition if disposition in DISPOSITIONS else "",
        dkim=record.get("dkim", "").lower() == "pass",
        spf=record.get("spf", "").lower() == "pass",
        header_from=_domain(record.get("header_from", "")),
        envelope_from=_domain(record.get("envelope_from", "")),
        envelope_to=_domain(record.get("envelope_to", "")),
        signatures=tuple(
            Signature(_domain(part.get("domain", "")), part.get("selector", ""), _result(part)) for part in parts[_DKIM]
        ),
        spf_checks=tuple(
            SpfCheck(_domain(part.get("domain", "")), part.get("scope", "").lower(), _result(part))
            for part in parts[_SPF]
        ),
        reasons=tuple(Reason(part.get("type", "").lower(), part.get("comment", "")) for part in parts[_REASON]),
    )


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def _domain(text: str) -> str:
    return text.lower().rstrip(".")


def _result(part: dict[str, str]) -> str:
    said = part.get("result", "").lower()
    said = OTHER_NAMES.get(said, said)
    return said if said in RESULTS else ""


def _time(text: str) -> dt.datetime:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and EARLIEST <= int(text) <= LATEST):
        raise Unreadable(f"{text!r} is no time in seconds since 1970")
    return dt.datetime.fromtimestamp(int(text), dt.UTC)
