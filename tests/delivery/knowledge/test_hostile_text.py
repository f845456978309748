"""Replies are written by strangers: any text gets its answer, and fast."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.knowledge import CAUSES, classify
from delivery.knowledge.lines import read_reply
from delivery.knowledge.phrases import PhraseIndex
from delivery.smtp.replies import Reply

TWO_MEGABYTES = 2_000_000
PATTERNS = [
    "a",
    "<",
    "@",
    "a@",
    "<a",
    "5.1.1",
    "1.",
    "550-",
    " / 550 ",
    "\\n",
    "'",
    ": ",
    "\n",
    "#5.",
    "İ",
    "user unknow ",
]


def seconds(text: str) -> float:
    started = time.process_time()
    classify(Reply(550, text))
    classify(read_reply(text))
    return time.process_time() - started


@pytest.mark.parametrize("pattern", PATTERNS)
def test_hostile_text_costs_no_more_than_its_length(pattern: str) -> None:
    """Forty times the text takes less than 160 times the time: not its square. `make bench` has the figure."""
    classify(Reply(550, "the data is read before the clock starts"))
    few, many = pattern * (50_000 // len(pattern)), pattern * (TWO_MEGABYTES // len(pattern))
    short = min(seconds(few + f" {n}") for n in range(3))
    assert min(seconds(many + f" {n}") for n in range(3)) < max(short, 0.001) * 160


@given(st.text(), st.sampled_from(["", "gmail", "docomo", "nobody"]))
def test_any_text_gets_an_answer(text: str, provider: str) -> None:
    assert classify(read_reply(text), provider=provider).cause in CAUSES


@given(st.integers(min_value=200, max_value=599), st.text(alphabet="5.17 user known@<>", max_size=80))
def test_any_reply_gets_an_answer(code: int, text: str) -> None:
    assert classify(Reply(code, text)).cause in CAUSES


def test_a_phrase_is_found_wherever_it_begins_a_word() -> None:
    index = PhraseIndex(["rate limit", "greylist", "[ts0", "rbl", "spam"])
    assert index.found("greylisted: rate limits") == {"greylist", "rate limit"}
    assert index.found("421 [ts03] see zen.rbl.example") == {"[ts0", "rbl"}
    assert index.found("antispam") == set()
