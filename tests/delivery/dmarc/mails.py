"""Reports as the large receivers write them, in words of our own; the figures are rows of (address, count, DKIM, SPF,
disposition, header From)."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import io
import zipfile
from collections.abc import Sequence

Row = tuple[str, int, str, str, str, str]

GOOGLE = """<?xml version="1.0" encoding="UTF-8" ?>
<feedback>
  <version>1.0</version>
  <report_metadata><org_name>{org}</org_name><email>noreply-dmarc-support@google.com</email>
    <extra_contact_info>https://support.google.com/a/answer/2466580</extra_contact_info>
    <report_id>{report_id}</report_id><date_range><begin>{begin}</begin><end>{end}</end></date_range></report_metadata>
  <policy_published><domain>{domain}</domain><adkim>r</adkim><aspf>r</aspf><p>none</p><sp>none</sp><pct>100</pct>
    <np>none</np></policy_published>
{rows}</feedback>
"""
MICROSOFT = """<?xml version="1.0"?>
<feedback xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">
  <version>1.0</version><report_metadata><org_name>{org}</org_name><email>dmarcreport@microsoft.com</email>
  <report_id>{report_id}</report_id><date_range><begin>{begin}</begin><end>{end}</end></date_range></report_metadata>
  <policy_published><domain>{domain}</domain><adkim>r</adkim><aspf>r</aspf><p>none</p><sp>none</sp><pct>100</pct>
  <fo>0</fo></policy_published>{rows}</feedback>
"""
YAHOO = """<?xml version="1.0"?><feedback xmlns="http://dmarc.org/dmarc-xml/0.1"><report_metadata><org_name>{org}</org_name>
<email>dmarchelp@yahooinc.com</email><report_id>{report_id}</report_id><date_range><begin>{begin}</begin><end>{end}</end>
</date_range></report_metadata><policy_published><domain>{domain}</domain><adkim>r</adkim><aspf>r</aspf><p>none</p>
<pct>100</pct></policy_published>{rows}</feedback>
"""
ROW = """<record><row><source_ip>{}</source_ip><count>{}</count><policy_evaluated>
<disposition>{disposition}</disposition><dkim>{dkim}</dkim><spf>{spf}</spf></policy_evaluated></row><identifiers><header_from>{header_from}</header_from>
</identifiers><auth_results><spf><domain>bounce.example.com</domain><result>{spf}</result></spf></auth_results></record>
"""


def report(
    rows: Sequence[Row], *, form: str = GOOGLE, org: str = "google.com", domain: str = "news.example.com",
    report_id: str = "1", days_ago: float = 1,
) -> bytes:  # fmt: skip
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(days=days_ago)
    written = "".join(
        ROW.format(address, count, dkim=dkim, spf=spf, disposition=disposition, header_from=header_from)
        for address, count, dkim, spf, disposition, header_from in rows
    )
    end = begin + dt.timedelta(hours=23)
    return form.format(
        org=org,
        report_id=report_id,
        domain=domain,
        rows=written,
        begin=int(begin.timestamp()),
        end=int(end.timestamp()),
    ).encode()


def zipped(xml: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.xml", xml)
    return held.getvalue()


def bomb(octets: int = 300_000_000) -> bytes:
    """A zip whose file is as large, of blanks; some hundred kB."""
    held = io.BytesIO()
    with (
        zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("r.xml", "w") as file,
    ):
        file.write(b"<feedback>")
        for _ in range(octets // 1_000_000):
            file.write(b" " * 1_000_000)
    return held.getvalue()


def petabytes() -> bytes:
    """A zip of some ten kB: sixteen of sixteen of … zips, a petabyte and more at the bottom."""
    packed = bomb(4_000_000)
    for _ in range(7):
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
            for n in range(16):
                archive.writestr(f"{n}.zip", packed)
        packed = held.getvalue()
    return packed


def mail(data: bytes, *, type_: str = "application/zip", name: str = "report.zip", subject: str = "") -> bytes:
    """A word of text, and the file."""
    encoded = base64.encodebytes(data).replace(b"\n", b"\r\n")
    head = (
        "From: noreply-dmarc-support@google.com\r\nTo: dmarc@bounce.news.example.com\r\n"
        f"Subject: {subject or 'Report domain: news.example.com Submitter: google.com Report-ID: 1'}\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nThis is an aggregate report.\r\n"
        f'--b\r\nContent-Type: {type_}; name="{name}"\r\nContent-Transfer-Encoding: base64\r\n'
        f'Content-Disposition: attachment; filename="{name}"\r\n\r\n'
    )
    return head.encode() + encoded + b"\r\n--b--\r\n"


def gzipped(xml: bytes) -> bytes:
    return gzip.compress(xml)
