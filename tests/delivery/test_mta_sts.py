"""MTA-STS (RFC 8461): what a record and a policy say."""

from __future__ import annotations

import pytest

from delivery.mta_sts import LONGEST, MOST_MX, SHORTEST, BadPolicy, Policy, parse, record_id

GOOD = "version: STSv1\r\nmode: enforce\r\nmx: mx.example.net\r\nmx: *.Example.org.\r\nmax_age: 604800\r\n"


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["v=STSv1; id=20260101T000000;"], "20260101T000000"),
        (["v=STSv1;id=a1"], "a1"),
        (["some other text", "v=STSv1; extra=x; id=a1;"], "a1"),
        ([], ""),
        (["v=STSv1; id=a1;", "v=STSv1; id=a2;"], ""),  # more than one: as none
        (["v=STSv1; id=;"], ""),
        (["v=STSv1; id=a-b;"], ""),
        ([f"v=STSv1; id={'a' * 33};"], ""),
        (["v=STSv2; id=a1;"], ""),
        (["v=STSv1x; id=a1;"], ""),
    ],
)
def test_the_record_tells_which_policy_there_is(values: list[str], found: str) -> None:
    assert record_id(values) == found


def test_a_policy_is_read() -> None:
    assert parse(GOOD, "a1") == Policy("a1", "enforce", ("mx.example.net", "*.example.org"), 604800)
    assert parse(GOOD.replace("\r\n", "\n") + "something: new\nmode: none\n", "a1").mode == "enforce"
    assert parse("version: STSv1\nmode: none\nmax_age: 86400", "a1").mx == ()


@pytest.mark.parametrize(("said", "held"), [("0", SHORTEST), ("86400", 86400), ("9999999999", LONGEST)])
def test_how_long_it_holds_has_bounds(said: str, held: int) -> None:
    assert parse(GOOD.replace("604800", said), "a1").max_age == held


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>not found</html>",
        GOOD.replace("STSv1", "STSv2"),
        GOOD.replace("enforce", "Enforce!"),
        GOOD.replace("604800", "-1"),
        GOOD.replace("604800", "soon"),
        GOOD.replace("604800", "1" * 5000),
        GOOD.replace("mx.example.net", "mx.*.net"),
        GOOD.replace("mx.example.net", "*"),
        "version: STSv1\nmode: enforce\nmax_age: 1\n",
        GOOD + "mx: a.example.net\n" * MOST_MX,
    ],
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(BadPolicy):
        parse(text, "a1")


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("mx.example.net", True),
        ("MX.Example.net.", True),
        ("mx2.example.net", False),
        ("a.example.org", True),
        ("example.org", False),
        ("b.a.example.org", False),  # a wildcard is one label, the left-most
        ("", False),
    ],
)
def test_which_servers_it_names(host: str, named: bool) -> None:
    assert parse(GOOD, "a1").names(host) is named
