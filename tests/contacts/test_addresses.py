"""What people type as an address, and what becomes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.addresses import Address, AddressProblem, key_of, parse


@pytest.mark.parametrize(
    ("text", "sent_as", "key"),
    [
        ("ken@mail.example", "ken@mail.example", "ken@mail.example"),
        ("Ken.Sato@Mail.Example", "Ken.Sato@Mail.Example", "ken.sato@mail.example"),
        ("o'neil+news@mail.example", "o'neil+news@mail.example", "o'neil+news@mail.example"),
        ("a.b@例え.jp", "a.b@例え.jp", "a.b@xn--r8jz45g.jp"),
        ("a.b@xn--r8jz45g.jp", "a.b@xn--r8jz45g.jp", "a.b@xn--r8jz45g.jp"),
        ("用户@例子.广告", "用户@例子.广告", "用户@xn--fsqu00a.xn--4rr70v"),
        ("É@mail.example", "É@mail.example", "é@mail.example"),
        ("e\u0301@mail.example", "e\u0301@mail.example", "é@mail.example"),
        ("a@straße.example", "a@straße.example", "a@xn--strae-oqa.example"),
    ],
)
def test_an_address_is_kept_as_typed_and_matched_by_its_key(text: str, sent_as: str, key: str) -> None:
    found = parse(text)
    assert isinstance(found, Address)
    assert (found.address, found.key, found.fixed) == (sent_as, key, False)
    assert found.key.endswith(f"@{found.domain}")


@pytest.mark.parametrize("text", ["a..b@docomo.ne.jp", "x.@ezweb.ne.jp", ".x@docomo.ne.jp", "a..b.@docomo.ne.jp"])
def test_the_dots_of_japanese_carriers_are_kept(text: str) -> None:
    found = parse(text)
    assert isinstance(found, Address)
    assert (found.address, found.key) == (text, text)


@pytest.mark.parametrize(
    ("text", "sent_as"),
    [
        ("ｋｅｎ＠ｍａｉｌ．ｅｘａｍｐｌｅ", "ken@mail.example"),
        (" ken@mail.example\t", "ken@mail.example"),
        ("\u3000ken@mail.example\u3000", "ken@mail.example"),
        ("\ufeffken@mail.example", "ken@mail.example"),
        ("ken@mail。example", "ken@mail.example"),
    ],
)
def test_full_width_letters_and_spaces_are_put_right_and_said(text: str, sent_as: str) -> None:
    found = parse(text)
    assert isinstance(found, Address)
    assert (found.address, found.fixed) == (sent_as, True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", AddressProblem.EMPTY),
        ("  ", AddressProblem.EMPTY),
        ("a@b.jp\r\nRCPT TO:<x@y.jp>", AddressProblem.CONTROL),
        ("a@b.jp\n", AddressProblem.CONTROL),
        ("a@b>\r\nRCPT TO:<x@y", AddressProblem.CONTROL),
        ("a@b.jp\0", AddressProblem.CONTROL),
        ("a\x85@b.jp", AddressProblem.CONTROL),
        ("a\u2028@b.jp", AddressProblem.CONTROL),
        ("a\u202e@b.jp", AddressProblem.CONTROL),
        ("ken", AddressProblem.NO_AT),
        ("a@b@c.jp", AddressProblem.MANY_AT),
        ("a b@c.jp", AddressProblem.SPACE),
        ("Ken <ken@mail.example>", AddressProblem.SPACE),
        ("mailto:a@b.jp", AddressProblem.LOCAL),
        ("...@docomo.ne.jp", AddressProblem.LOCAL),
        ("@docomo.ne.jp", AddressProblem.LOCAL),
        ("a@b", AddressProblem.DOMAIN),
        ("a@1.2.3.4", AddressProblem.DOMAIN),
        ("a@-b.jp", AddressProblem.DOMAIN),
        ("a@b..jp", AddressProblem.DOMAIN),
        ("a@b_c.jp", AddressProblem.DOMAIN),
        ("a@", AddressProblem.DOMAIN),
        ("a" * 65 + "@b.jp", AddressProblem.LONG),
        ("あ" * 22 + "@b.jp", AddressProblem.LONG),
    ],
)
def test_what_is_no_address_is_refused_with_its_reason(text: str, problem: AddressProblem) -> None:
    assert parse(text) is problem
    assert problem.words
    assert key_of(text) is None


@given(st.one_of(st.text(max_size=40), st.text("a.@\r\n\0<> ＠。あé-", max_size=20).map(lambda text: text + "@b.jp")))
def test_nothing_dangerous_ever_comes_back(text: str) -> None:
    found = parse(text)
    if isinstance(found, AddressProblem):
        return
    assert not set(found.address + found.key) & set("\r\n\0<> \t\x85\u2028\u2029\u3000")
    assert found.domain.isascii() and found.domain == found.domain.lower()
    assert found.address.count("@") == 1
    again = parse(found.address)
    assert isinstance(again, Address) and again.key == found.key
