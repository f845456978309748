"""Tokens: what we signed is read back, and nothing else is."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.tokens import KeyProblem, Keyring, UnsubscribeToken, WebPurpose, WebToken

SECRET = bytes(range(32))
OTHER = bytes(range(32, 64))


def setting(*entries: tuple[str, bytes]) -> str:
    return ",".join(f"{key_id}:{base64.b64encode(secret).decode()}" for key_id, secret in entries)


RING = Keyring.parse(setting(("k", SECRET)))
IDS = st.integers(min_value=0, max_value=2**63 - 1)


@given(IDS)
def test_a_return_path_is_32_octets_and_gives_its_message_back(message_id: int) -> None:
    local = RING.return_path_local(message_id)
    assert len(local) == 32
    assert local == local.lower()
    assert RING.parse_return_path(local) == message_id


@given(IDS, IDS)
def test_web_and_unsubscribe_tokens_give_their_ids_back(first: int, second: int) -> None:
    for purpose in WebPurpose:
        assert RING.parse_web(purpose, RING.web_token(purpose, first, second)) == WebToken(first, second)
    token = RING.unsubscribe_token(first, second)
    assert RING.parse_unsubscribe(token) == UnsubscribeToken(first, second)


def test_the_signature_is_hmac_sha256_over_purpose_and_payload() -> None:
    payload, _, signature = RING.return_path_local(77)[2:].partition("-")
    digest = hmac.digest(SECRET, b"return-path\0" + payload.encode(), hashlib.sha256)
    assert signature == base64.b32encode(digest[:10]).decode().lower()


def test_every_one_bit_change_is_refused() -> None:
    local = RING.return_path_local(123456789)
    for at in range(len(local)):
        for bit in range(7):
            changed = local[:at] + chr(ord(local[at]) ^ 1 << bit) + local[at + 1 :]
            assert RING.parse_return_path(changed) is None, changed


def test_every_one_bit_change_of_a_link_is_refused() -> None:
    token = RING.web_token(WebPurpose.CLICK, 5, 6)
    for at in range(len(token)):
        for bit in range(7):
            changed = token[:at] + chr(ord(token[at]) ^ 1 << bit) + token[at + 1 :]
            assert RING.parse_web(WebPurpose.CLICK, changed) is None, changed


def test_no_token_passes_for_another_purpose() -> None:
    tokens = {purpose: RING.web_token(purpose, 5, 6) for purpose in WebPurpose}
    unsubscribe = RING.unsubscribe_token(5, 6)
    for purpose, token in tokens.items():
        assert RING.parse_unsubscribe(token) is None
        assert [other for other in WebPurpose if RING.parse_web(other, token)] == [purpose]
        assert RING.parse_web(purpose, unsubscribe) is None
        assert RING.parse_return_path(token) is None


def test_a_retired_key_still_verifies_and_the_newest_signs() -> None:
    rotated = Keyring.parse(setting(("n", OTHER), ("k", SECRET)))
    assert rotated.parse_return_path(RING.return_path_local(9)) == 9
    assert rotated.return_path_local(9)[1] == "n"
    assert RING.parse_return_path(rotated.return_path_local(9)) is None


def test_an_old_message_is_built_again_with_the_key_of_its_day() -> None:
    rotated = Keyring.parse(setting(("n", OTHER), ("k", SECRET)))
    assert rotated.signing_with("k").return_path_local(9) == RING.return_path_local(9)


@given(st.text(max_size=80))
def test_garbage_is_refused_without_an_error(text: str) -> None:
    assert RING.parse_return_path(text) is None
    assert RING.parse_unsubscribe(text) is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "no key"),
        ("kk:AAAA", "one lower-case letter"),
        ("K:AAAA", "one lower-case letter"),
        ("k:***", "not base64"),
        ("k:AAAA", "shorter than 32"),
        (setting(("k", SECRET), ("k", OTHER)), "twice"),
    ],
)
def test_a_bad_setting_says_what_is_wrong(value: str, words: str) -> None:
    with pytest.raises(KeyProblem, match=words):
        Keyring.parse(value)


def test_an_id_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        RING.return_path_local(-1)
