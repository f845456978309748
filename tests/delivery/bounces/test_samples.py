"""Every message in tests/samples/bounces says what its row in expected.tsv tells, whatever its newlines."""

from __future__ import annotations

import csv
from itertools import groupby
from pathlib import Path

import pytest

from delivery.bounces.reading import read
from delivery.bounces.report import Deed, Kind, Report

SAMPLES = Path(__file__).parents[2] / "samples" / "bounces"
TABLE = (SAMPLES / "expected.tsv").read_text("utf-8").splitlines()
ROWS = list(csv.DictReader(TABLE, delimiter="\t", quoting=csv.QUOTE_NONE))
EXPECTED = {name: list(rows) for name, rows in groupby(ROWS, key=lambda row: row["file"])}
BOUNCED = (Deed.FAILED, Deed.DELAYED)


def told(report: Report) -> list[tuple[str, str, str, str, str]]:
    """The recipients to whom something did not get, or who complain, as the table writes them."""
    return [
        (
            each.recipient,
            str(each.reply.status or ""),
            str(each.reply.code or ""),
            each.action,
            "yes" if each.verdict.hard else "no",
        )
        for each in report.recipients
        if each.action in BOUNCED
    ]


def test_there_is_no_sample_without_a_row_and_no_row_without_a_sample() -> None:
    assert {path.stem for path in SAMPLES.glob("*.eml")} == EXPECTED.keys()
    assert sum(name.startswith("not-") for name in EXPECTED) >= 25


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_says_what_its_row_tells(name: str) -> None:
    rows = EXPECTED[name]
    raw = (SAMPLES / f"{name}.eml").read_bytes()
    report = read(raw)
    assert report.kind == rows[0]["kind"]
    want = [(row["recipient"], row["status"], row["code"], row["action"], row["hard"]) for row in rows]
    assert told(report) == [row for row in want if row[0]]
    for newline in (b"\r\n", b"\r"):
        assert read(raw.replace(b"\n", newline)) == report


@pytest.mark.parametrize("name", [name for name in EXPECTED if name.startswith("not-")])
def test_what_reports_no_failure_names_nobody_who_could_be_suppressed(name: str) -> None:
    report = read((SAMPLES / f"{name}.eml").read_bytes())
    assert report.kind in (Kind.OTHER, Kind.AUTO_REPLY)
    assert not told(report)
    assert not any(each.verdict.hard for each in report.recipients)


RETURNING = [
    "dsn-postfix-two",
    "qmail-two",
    "qmail-local",
    "exim-rcpt",
    "exchange-admin",
    "gmail-old",
    "arf-abuse",
    "jmrp",
]


@pytest.mark.parametrize("name", RETURNING)
def test_our_own_header_is_found_in_what_is_returned(name: str) -> None:
    assert read((SAMPLES / f"{name}.eml").read_bytes()).references == ("r1abc-defgh",)


def test_our_own_header_is_believed_nowhere_else() -> None:
    raw = (SAMPLES / "dsn-no-blank-lines.eml").read_bytes().replace(b"X-Shirase-Ref: r1abc-defgh\n", b"")
    said = b"X-Shirase-Ref: r9-forged\n"
    assert read(said + raw.replace(b"Your message", said + b"\nYour message")).references == ()
