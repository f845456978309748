"""Aggregate reports of both generations, as they come; and what only pretends to be one."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import tracemalloc
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.dmarc.report import MOST_ROWS, Policy, Reason, Report, Signature, SpfCheck, Unreadable, read

RFC_7489 = """<?xml version="1.0" encoding="UTF-8" ?>
<feedback>
  <report_metadata>
    <org_name>receiver.example</org_name>
    <email>noreply-dmarc@receiver.example</email>
    <extra_contact_info>https://receiver.example/dmarc</extra_contact_info>
    <report_id>12345678901234567890</report_id>
    <date_range><begin>1700006400</begin><end>1700092799</end></date_range>
  </report_metadata>
  <policy_published>
    <domain>Shop.Example.</domain><adkim>r</adkim><aspf>s</aspf><p>QUARANTINE</p><sp>none</sp><pct>100</pct><fo>1</fo>
  </policy_published>
  <record>
    <row>
      <source_ip>192.0.2.10</source_ip><count>1204</count>
      <policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf>
        <reason><type>forwarded</type><comment>looks like
          a list</comment></reason></policy_evaluated>
    </row>
    <identifiers><envelope_from>bounce.shop.example</envelope_from><header_from>shop.example</header_from></identifiers>
    <auth_results>
      <dkim><domain>shop.example</domain><selector>s1</selector><result>pass</result></dkim>
      <dkim><domain>relay.example</domain><result>hardfail</result></dkim>
      <spf><domain>bounce.shop.example</domain><scope>mfrom</scope><result>softfail</result></spf>
    </auth_results>
  </record>
  <record>
    <row>
      <source_ip>2001:DB8:0::1</source_ip><count>2</count>
      <policy_evaluated><disposition>quarantine</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated>
    </row>
    <identifiers><header_from>shop.example</header_from></identifiers>
    <auth_results/>
  </record>
</feedback>
"""

RFC_9990 = """<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">
  <version>1.0</version>
  <report_metadata>
    <org_name>受信社</org_name><email>dmarc@receiver.example</email><report_id>r@receiver.example</report_id>
    <date_range><begin>1780000000</begin><end>1780086399</end></date_range>
    <error>a key could not be fetched</error><generator>Some 1.0</generator>
  </report_metadata>
  <policy_published>
    <domain>shop.example</domain><discovery_method>treewalk</discovery_method>
    <p>reject</p><sp>reject</sp><np>reject</np><testing>y</testing>
  </policy_published>
  <extension><vendor xmlns="urn:example"><record>no row</record></vendor></extension>
  <record>
    <row><source_ip>198.51.100.7</source_ip><count>7</count>
      <policy_evaluated><disposition>pass</disposition><dkim>pass</dkim><spf>pass</spf></policy_evaluated></row>
    <identifiers><header_from>news.shop.example</header_from><envelope_to>receiver.example</envelope_to></identifiers>
    <auth_results><dkim><domain>shop.example</domain><selector>s2</selector><result>pass</result>
      <human_result>fine</human_result></dkim></auth_results>
  </record>
</feedback>
"""
SMALL = RFC_9990.encode()


def zipped(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return held.getvalue()


def test_a_report_of_rfc_7489() -> None:
    report = read(RFC_7489.encode())
    assert (report.org, report.email) == ("receiver.example", "noreply-dmarc@receiver.example")
    assert report.report_id == "12345678901234567890"
    assert report.begin == dt.datetime(2023, 11, 15, tzinfo=dt.UTC)
    assert report.end - report.begin == dt.timedelta(days=1, seconds=-1)
    assert report.policy == Policy("shop.example", p="quarantine", sp="none", adkim="r", aspf="s", pct="100", fo="1")
    first, second = report.rows
    assert (first.source_ip, first.count, first.disposition) == ("192.0.2.10", 1204, "none")
    assert (first.dkim, first.spf) == (True, False)
    assert (first.header_from, first.envelope_from) == ("shop.example", "bounce.shop.example")
    assert first.signatures == (Signature("shop.example", "s1", "pass"), Signature("relay.example", "", "fail"))
    assert first.spf_checks == (SpfCheck("bounce.shop.example", "mfrom", "softfail"),)
    assert first.reasons == (Reason("forwarded", "looks like a list"),)
    assert (second.source_ip, second.disposition, second.signatures) == ("2001:db8::1", "quarantine", ())


def test_a_report_of_rfc_9990() -> None:
    report = read(SMALL)
    assert (report.org, report.report_id) == ("受信社", "r@receiver.example")
    assert report.policy == Policy("shop.example", p="reject", sp="reject", np="reject", testing="y")
    assert report.errors == ("a key could not be fetched",)
    (row,) = report.rows
    assert (row.count, row.disposition, row.dkim, row.spf) == (7, "pass", True, True)
    assert (row.header_from, row.envelope_to) == ("news.shop.example", "receiver.example")


def prefixed(xml: str) -> bytes:
    return xml.replace("<", "<d:").replace("<d:/", "</d:").replace("<d:?", "<?").encode()


SAME = [
    RFC_7489.encode(),
    b"\xef\xbb\xbf" + RFC_7489.encode(),
    b"\r\n" + RFC_7489.split("\n", 1)[1].encode(),
    RFC_7489.replace("<feedback>", '<feedback xmlns="http://dmarc.org/dmarc-xml/0.1">').encode(),
    prefixed(RFC_7489),
    RFC_7489.replace("UTF-8", "UTF-16").encode("utf-16"),
    RFC_7489.replace("UTF-8", "windows-1252").encode("cp1252"),
    gzip.compress(RFC_7489.encode()),
    zipped(("receiver.example!shop.example!1700006400!1700092799.xml", RFC_7489.encode())),
    zipped(("report", RFC_7489.encode()), method=zipfile.ZIP_STORED),
    zipped(("__MACOSX/._r.xml", b"x"), ("r.xml", RFC_7489.encode()), ("readme.txt", b"x")),
]


@pytest.mark.parametrize("data", SAME)
def test_however_it_is_written_and_packed_it_says_the_same(data: bytes) -> None:
    assert read(data) == read(RFC_7489.encode())


ODD = [
    ("<count>7</count>", "<count>many</count>", lambda report: (report.rows, report.skipped) == ((), 1)),
    ("<count>7</count>", "<count>-7</count>", lambda report: report.skipped == 1),
    ("198.51.100.7", "somewhere", lambda report: report.skipped == 1),
    (">pass</disposition>", ">Delivered</disposition>", lambda report: report.rows[0].disposition == ""),
    ("<result>pass</result>", "<result>odd</result>", lambda report: report.rows[0].signatures[0].result == ""),
    ("<selector>s2</selector>", f"<selector>{'s' * 9000}</selector>", lambda report: len(str(report)) < 2000),
    ("<selector>s2</selector>", "<selector><b>&lt;i&gt;</b></selector>", lambda report: report.rows[0].count == 7),
    ("<dkim><domain>", "<dkim/>" * 900 + "<dkim><domain>", lambda report: len(report.rows[0].signatures) == 50),
]


@pytest.mark.parametrize(("is_now", "becomes", "holds"), ODD)
def test_odd_values_cost_a_row_or_a_value_never_the_report(is_now: str, becomes: str, holds: object) -> None:
    assert is_now in RFC_9990
    assert callable(holds) and holds(read(RFC_9990.replace(is_now, becomes).encode()))


FILLED = b"<feedback>" + b" " * 30_000_000
REFUSED = [
    (b"", "nothing in it"),
    (b"Dear postmaster", "no XML"),
    (b"<html></html>", "first element is 'html'"),
    (b"<feedback></feedback>", "who reports"),
    (SMALL[:-20], "well-formed"),
    (SMALL.replace(b"1780000000", b"yesterday"), "no time"),
    (SMALL.replace(b"1780000000", b"9999999999"), "no time"),
    (SMALL.replace(b"<domain>shop.example</domain><disc", b"<disc"), "which domain"),
    (b'<!DOCTYPE f [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + SMALL, "document type"),
    (b'<!DOCTYPE f SYSTEM "file:///etc/passwd">' + SMALL, "document type"),
    (b"<feedback>" + b"<a>" * 20, "within each other"),
    (b"<feedback>" + b"<a/>" * 1_000_001, "elements"),
    (b"<feedback a='" + b"x" * 2_000_000, "does not end"),
    (b"<" + b" " * 20_000_001, "octets are more"),
    (b"\x1f\x8b" + b"x" * 5_000_000, "octets are more"),
    (gzip.compress(SMALL)[:-9], "cut off"),
    (gzip.compress(SMALL)[:10] + b"\xff" * 40, "broken"),
    (gzip.compress(FILLED), "unpacked"),
    (gzip.compress(gzip.compress(SMALL)), "packed twice"),
    (zipped(("a.xml", FILLED)), "unpacked"),
    (zipped(("a.zip", zipped(("a.xml", SMALL)))), "packed twice"),
    (zipped(("a.xml", zipped(("a.xml", SMALL)))), "packed twice"),
    (zipped(*((f"lib {n}.zip", b"PK") for n in range(16))), "16 files to choose from"),
    (zipped(*((f"{n}.xml", SMALL) for n in range(2))), "2 files to choose from"),
    (zipped(*((f"{n}.xml", b"<") for n in range(5_000))), "more than 20 files"),
    (zipped(("a.xml", SMALL), method=zipfile.ZIP_BZIP2), "not taken"),
    (zipped(("a.xml", SMALL))[:-30], "broken"),
    (zipped(("a.xml", SMALL), method=zipfile.ZIP_STORED).replace(b"shop.", b"shap."), "broken"),
]


@pytest.mark.parametrize(("data", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_what_is_no_report_is_refused_with_a_reason(data: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read(data)


def test_more_rows_than_are_taken_are_refused() -> None:
    head, row = RFC_9990.split("<record>\n    <row>")[0], "<record><row/></record>"
    assert read(f"{head}{row * MOST_ROWS}</feedback>".encode()).skipped == MOST_ROWS
    with pytest.raises(Unreadable, match="rows"):
        read(f"{head}{row * (MOST_ROWS + 1)}</feedback>".encode())


def test_a_bomb_is_not_held_in_memory() -> None:
    """300 MB in 300 kB: less than a thirtieth of it is ever there at once."""
    bomb = zipped(("a.xml", b"<feedback>" + b" " * 300_000_000))
    tracemalloc.start()
    with pytest.raises(Unreadable):
        read(bomb)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10_000_000


@given(st.binary(max_size=400), st.sampled_from([b"", b"PK\x03\x04", b"\x1f\x8b\x08\x00", b"<feedback>", SMALL[:900]]))
def test_any_octets_are_read_or_refused(tail: bytes, head: bytes) -> None:
    try:
        assert isinstance(read(head + tail), Report)
    except Unreadable as error:
        assert str(error)
