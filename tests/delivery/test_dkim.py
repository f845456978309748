"""DKIM: dkimpy, an independent verifier, accepts what we sign and refuses every change."""

from __future__ import annotations

import re

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.dkim import OVERSIGNED, BadKey, Signer, dns_record, dns_strings, new_key, public_half

PRIVATE, PUBLIC = new_key()
SIGNER = Signer("example.com", "s1", PRIVATE)
MESSAGE = b"\r\n".join(
    [
        b"From: Shop <news@example.com>",
        b"To: hanako@example.net",
        b"Subject: =?utf-8?B?56eL44Gu?=",
        b" =?utf-8?B?44K744O844Or?=",
        b"Date: Tue, 24 Nov 2026 09:00:00 +0000",
        b"Message-ID: <a.b@example.com>",
        b"MIME-Version: 1.0",
        b"List-Unsubscribe: <https://t.example.com/u/1kabc>",
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        b"List-Id: News  <news.example.com>",
        b"Content-Type: text/plain; charset=utf-8",
        b"",
        b"Hello  there \t",
        b"",
        b".",
        b"",
        b"",
    ]
)


def txt(name: bytes, timeout: int = 5) -> bytes:
    assert name.rstrip(b".").decode() == "s1._domainkey.example.com"
    return dns_record(PUBLIC).encode()


def verifies(message: bytes) -> bool:
    return bool(dkim.verify(message, dnsfunc=txt))


SIGNED = SIGNER.sign(MESSAGE, 1_795_000_000) + MESSAGE


def test_dkimpy_verifies_the_signature() -> None:
    assert verifies(SIGNED)


def test_the_signature_is_relaxed_rsa_sha256_with_its_second_and_no_length() -> None:
    field = SIGNER.sign(MESSAGE, 1_795_000_000).decode()
    assert "a=rsa-sha256; c=relaxed/relaxed; d=example.com" in field
    assert "t=1795000000" in field
    assert " l=" not in field
    assert all(len(line) <= 110 for line in field.split("\r\n"))


def test_the_list_of_fields_covers_the_one_click_headers_and_names_each_once_more_than_present() -> None:
    listed = re.search(r" h=([^;]+);", SIGNED.decode())
    assert listed
    names = re.sub(r"\s", "", listed[1]).split(":")
    head = MESSAGE.split(b"\r\n\r\n")[0].lower()
    for name in OVERSIGNED:
        present = len(re.findall(rb"^" + name + rb":", head, re.MULTILINE))
        assert names.count(name.decode()) == present + 1, name
    assert names.count("list-id") == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"news@example.com", b"evil@example.com"),
        (b"Hello  there", b"Hello  theRe"),
        (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=No-Click!"),
        (b"/u/1kabc", b"/u/1kabd"),
        (b"09:00:00", b"09:00:01"),
        (b"charset=utf-8", b"charset=utf-7"),
        (b"News  <news", b"News  <nEws"),
    ],
)
def test_a_changed_message_fails(old: bytes, new: bytes) -> None:
    assert old in SIGNED
    assert not verifies(SIGNED.replace(old, new))


@pytest.mark.parametrize("name", OVERSIGNED)
def test_a_field_added_after_signing_fails(name: bytes) -> None:
    assert not verifies(name.title() + b": added by someone\r\n" + SIGNED)


def test_what_relays_may_change_still_verifies() -> None:
    relayed = SIGNED.replace(b"News  <news", b"News\r\n   <news").replace(b"Hello  there \t", b"Hello \t there")
    assert verifies(b"Received: by relay\r\n" + relayed)


LINES = st.lists(st.text(alphabet="ab. \t=~", max_size=12), max_size=8)


@settings(max_examples=40, deadline=None)
@given(LINES, st.sampled_from(["\r\n", "\r\n\r\n\r\n"]))
def test_any_body_verifies(lines: list[str], end: str) -> None:
    message = MESSAGE.split(b"\r\n\r\n")[0] + b"\r\n\r\n" + ("\r\n".join(lines) + end).encode()
    assert verifies(SIGNER.sign(message, 1) + message)


def test_signing_twice_gives_the_same_octets() -> None:
    assert SIGNER.sign(MESSAGE, 5) == SIGNER.sign(MESSAGE, 5)


def test_a_dns_record_is_cut_into_strings_that_join_to_it() -> None:
    strings = dns_strings(dns_record(PUBLIC))
    assert "".join(strings) == dns_record(PUBLIC)
    assert max(map(len, strings)) <= 255
    assert public_half(PRIVATE) == PUBLIC


def test_new_keys_have_2048_bits_and_old_ones_of_1024_still_sign() -> None:
    new = serialization.load_pem_private_key(PRIVATE.encode(), None)
    assert isinstance(new, rsa.RSAPrivateKey)
    assert new.key_size == 2048
    old = rsa.generate_private_key(public_exponent=65537, key_size=1024).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signed = Signer("example.com", "s1", old.decode()).sign(MESSAGE, 1) + MESSAGE
    assert dkim.verify(signed, dnsfunc=lambda _name, timeout=5: dns_record(public_half(old.decode())).encode())


@pytest.mark.parametrize("pem", ["", "nonsense", PRIVATE[:200]])
def test_a_bad_key_is_named(pem: str) -> None:
    with pytest.raises(BadKey):
        Signer("example.com", "s1", pem)
