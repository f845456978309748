"""Encodings: whatever goes in comes out of an ordinary mail reader, in short ASCII lines that end in CRLF."""

from __future__ import annotations

import binascii
import quopri
from email.header import decode_header, make_header

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from delivery.content.mime import Encoding, base64_body, header_text, qp_alone, qp_static, qp_text, suited_to
from delivery.dkim import relaxed_body

TEXT = st.text(
    alphabet=st.one_of(st.sampled_from("ab =.\t\r\n日本é\x0b\x0c\x85\u2028\x1c—"), st.characters(codec="utf-8")),
    max_size=300,
)
PARTS = st.lists(st.tuples(st.booleans(), TEXT), max_size=8)


def normal(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


@given(PARTS)
@example([(False, "0\x80\x80\x80\u0800" + "\U00010000" * 4)])  # 76 characters, then a soft break
@example([(True, "é" + "b" * 70), (False, "x")])
def test_static_pieces_and_values_join_to_quoted_printable(parts: list[tuple[bool, str]]) -> None:
    encoded, after_static = "", False
    for is_value, text in parts:
        encoded += (qp_text(text) if after_static else qp_alone(text)) if is_value else qp_static(text)
        after_static = not is_value
    assert encoded.isascii()
    assert all(len(line) <= 76 for line in encoded.split("\r\n"))
    assert "\n" not in encoded.replace("\r\n", "")
    decoded = quopri.decodestring(encoded.replace("\r\n", "\n").encode()).decode()
    assert decoded == "".join(normal(text) for _, text in parts)


@given(PARTS)
def test_what_we_encode_is_its_own_relaxed_body(parts: list[tuple[bool, str]]) -> None:
    body = "".join(qp_alone(text) if is_value else qp_static(text) for is_value, text in parts) + "\r\n--end--\r\n"
    assert relaxed_body(body.encode()) == body.encode()


@given(TEXT)
def test_base64_bodies_decode_to_the_text_with_crlf(text: str) -> None:
    encoded = base64_body(text)
    assert all(len(line) <= 76 for line in encoded.split("\r\n"))
    assert binascii.a2b_base64(encoded).decode() == normal(text).replace("\n", "\r\n")


def test_a_value_of_five_thousand_characters_is_folded() -> None:
    for value in ("x" * 5000, "日" * 5000, "a b " * 1250):
        assert max(map(len, qp_text(value).split("\r\n"))) <= 76


@given(st.text(alphabet=st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=400))
def test_a_subject_survives_and_its_lines_are_short(subject: str) -> None:
    subject = " ".join(subject.split())
    lines = ("Subject: " + header_text("Subject", subject)).split("\r\n")
    assert all(len(line) <= 76 for line in lines)
    assert all(line.startswith(" ") and line.strip() for line in lines[1:])
    value = "".join(lines).removeprefix("Subject:").removeprefix(" ")
    assert str(make_header(decode_header(value))) == subject


def test_three_hundred_japanese_characters_make_encoded_words_of_at_most_75() -> None:
    encoded = header_text("Subject", "秋の新作をお届けします、どうぞ" * 20)
    words = encoded.split("\r\n ")
    assert len(words) > 10
    assert all(len(word) <= 75 and word.startswith("=?utf-8?B?") for word in words)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("<p>Hello</p>" * 50, Encoding.QUOTED_PRINTABLE),
        ("<p style='color:red'>秋の</p>" * 50, Encoding.QUOTED_PRINTABLE),
        ("秋の新作をお届けします", Encoding.BASE64),
        ("", Encoding.QUOTED_PRINTABLE),
    ],
)
def test_the_encoding_suits_the_text(text: str, encoding: Encoding) -> None:
    assert suited_to(text) is encoding
