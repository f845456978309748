from __future__ import annotations

import pytest

from delivery.domain_records import (
    Key,
    Record,
    Status,
    difference,
    expected,
    judge,
    parents,
    place_of_difference,
    policies,
    removed_tags,
)

RECORDS = {
    record.key: record
    for record in expected(
        domain="news.example.com",
        return_path="bounce.news.example.com",
        tracking="link.news.example.com",
        dkim_host="s1._domainkey.news.example.com",
        dkim_value="v=DKIM1; k=rsa; p=MIIBIjANBgkq",
        mail_host="mail.example.com",
        web_host="app.example.com",
    )
}

CASES = [
    (Key.DKIM, ["v=DKIM1; k=rsa; p=MIIBIjANBgkq"], Status.OK),
    (Key.DKIM, ["k=rsa; p=MIIBIj ANBgkq"], Status.OK),  # white space is folding
    (Key.DKIM, ["v=DKIM1; k=rsa; p=MIIBIjANBgk"], Status.DIFFERENT),
    (Key.DKIM, ["v=DKIM1; p="], Status.DIFFERENT),  # revoked
    (Key.DKIM, [], Status.MISSING),
    (Key.DKIM, None, Status.UNCHECKED),
    (Key.SPF, ["v=spf1 a:mail.example.com ~all"], Status.OK),
    (Key.SPF, ["google-site-verification=x", "v=spf1 ip4:192.0.2.0/24 -all"], Status.OK),
    (Key.SPF, ["v=spf1 ip4:198.51.100.1 -all"], Status.DIFFERENT),  # somebody else's address
    (Key.SPF, ["v=spf1 -all include:_spf.example.net"], Status.DIFFERENT),  # nothing behind "all" is read
    (Key.SPF, ["v=spf1 include:_spf.example.net ~all"], Status.OK),
    (Key.SPF, ["v=spf1 mx -all"], Status.OK),  # the return-path's MX is our server
    (Key.SPF, ["v=spf1 ip4:nonsense ip6:2001:db8::1 -all"], Status.DIFFERENT),
    (Key.SPF, ["v=spf1 -all"], Status.DIFFERENT),
    (Key.SPF, ["v=spf1 a:mail.example.com ~all", "v=spf1 -all"], Status.DIFFERENT),  # two records: none counts
    (Key.SPF, ["something else"], Status.MISSING),
    (Key.DMARC, ["v=DMARC1; p=reject; rua=mailto:d@example.com"], Status.OK),
    (Key.DMARC, ["v=DMARC1; rua=mailto:d@example.com"], Status.OK),  # RFC 9989: no p is none
    (Key.DMARC, ["v=DMARC1; p=maybe"], Status.DIFFERENT),
    (Key.RETURN_PATH, ["10 mail.example.com."], Status.OK),
    (Key.RETURN_PATH, ["10 other.example.com"], Status.DIFFERENT),
    (Key.TRACKING, ["app.example.com"], Status.OK),
]


@pytest.mark.parametrize(("key", "found", "status"), CASES)
def test_what_was_found_is_judged(key: Key, found: list[str] | None, status: Status) -> None:
    assert judge(RECORDS[key], found, ["192.0.2.1"]) is status


def test_one_lost_letter_is_pointed_at() -> None:
    should, now = difference("p=AAvBB", "p=AABB")
    assert [mark.text for mark in should if mark.differs] == ["v"]
    assert any(mark.differs for mark in now)
    assert place_of_difference("p=AAvBB", "p=AABB") == 5


def test_hostile_lengths_are_bounded() -> None:
    record = Record(Key.DKIM, "TXT", "h", "p=" + "a" * 10_000, True)
    assert judge(record, ["p=" + "b" * 1_000_000]) is Status.DIFFERENT
    difference(record.value, "b" * 1_000_000)


def test_a_policy_may_stand_above() -> None:
    assert parents("a.b.example.com") == ["b.example.com", "example.com", "com"]
    deep = parents(".".join("abcdefghij"))
    assert (len(deep), deep[0], deep[-1]) == (7, "d.e.f.g.h.i.j", "j")
    assert policies(["v=DMARC1; p=reject", "other"]) == ["v=DMARC1; p=reject"]
    assert policies(["v=DMARC1; p=reject"], top=True) == []
    assert policies(["v=DMARC1; psd=y; p=reject"], top=True) == ["v=DMARC1; psd=y; p=reject"]


def test_tags_that_dmarc_has_no_more_are_named() -> None:
    assert removed_tags("v=DMARC1; p=none; ri=86400; PCT = 50; sp=none") == ["pct", "ri"]
    assert removed_tags("v=DMARC1; t=y; np=reject; psd=n") == []
