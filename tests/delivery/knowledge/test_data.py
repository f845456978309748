"""The data keeps its promises: nothing empty, nothing unreachable, nothing that removes people without right."""

from __future__ import annotations

import datetime
import re

import pytest

from delivery import providers
from delivery.knowledge import CAUSES, Action, Scope, classify, explain
from delivery.knowledge.lines import read_reply
from delivery.knowledge.loading import LOCAL, knowledge
from delivery.knowledge.matching import tier
from delivery.knowledge.phrases import PhraseIndex
from delivery.knowledge.vocabulary import SUPPRESSING, Category, Entry
from delivery.smtp.faults import Fault
from delivery.smtp.replies import EnhancedStatus, Phase, Reply

ENTRIES = knowledge().entries

JAPANESE = re.compile(r"[\u3041-\u30ff\u4e00-\u9fff]")
# Whom the first advice may name as the one to act (or to leave it).
ACTORS = re.compile(r"\b(Shirase|You|you|your IT|Ask|Nothing)\b")


def as_reply(entry: Entry, sample: str) -> Reply:
    if entry.provider == LOCAL:
        return Reply(421, "", None, Phase.CONNECT, sample)
    return read_reply(sample, phase=Phase(entry.phases[0]) if entry.phases else None)


def test_there_are_enough_causes_and_entries() -> None:
    assert len(CAUSES) >= 80
    assert len(ENTRIES) >= 400


def test_every_sample_hits_its_own_entry() -> None:
    """So no entry is shadowed by another, and each can be reached."""
    assert all(entry.samples for entry in ENTRIES)
    hits = [
        (entry.id, sample, classify(as_reply(entry, sample), provider=entry.provider).entry)
        for entry in ENTRIES
        for sample in entry.samples
    ]
    assert [hit for hit in hits if hit[0] != hit[2]] == []


def test_every_entry_says_where_it_comes_from() -> None:
    for entry in ENTRIES:
        assert entry.source_url.startswith("https://"), entry.id
        assert datetime.date.fromisoformat(entry.source_date).year >= 2020, entry.id
        assert 0 <= entry.confidence <= 1, entry.id


def test_every_phrase_of_an_entry_can_match_and_is_needed() -> None:
    """Texts are matched in lower case with single spaces; a phrase within another says nothing more."""
    for entry in ENTRIES:
        for group in (*entry.must, entry.never):
            for phrase in group:
                assert phrase == " ".join(phrase.lower().split()), entry.id
                others = PhraseIndex(other for other in group if other != phrase)
                assert not others.found(phrase), (entry.id, phrase)


# Subjects and the last detail of each: https://www.iana.org/assignments/smtp-enhanced-status-codes
# X.0.0 alone is left out: it says nothing, so that the reply's own digits and moment tell more.
REGISTRY = {1: 10, 2: 4, 3: 6, 4: 7, 5: 6, 6: 10, 7: 30}


def test_every_enhanced_code_of_the_registry_is_known_by_itself() -> None:
    codes = [(subject, detail) for subject, last in REGISTRY.items() for detail in range(last + 1)]
    unknown = [
        f"{klass}.{subject}.{detail}"
        for klass, reply in ((4, 450), (5, 550))
        for subject, detail in codes
        if not classify(Reply(reply, "x", EnhancedStatus(klass, subject, detail))).entry.startswith("iana.")
    ]
    assert unknown == []


def test_ids_are_unique() -> None:
    ids = [entry.id for entry in ENTRIES]
    assert len(ids) == len(set(ids))


def test_every_provider_of_an_entry_has_a_name_and_servers() -> None:
    families = {provider.family for provider in providers.named().values()} | {LOCAL, ""}
    assert {entry.provider for entry in ENTRIES} <= families


def test_providers_come_before_codes() -> None:
    provided = [tier(entry) for entry in ENTRIES if entry.provider]
    others = [tier(entry) for entry in ENTRIES if not entry.provider]
    assert max(provided) < min(others)


def test_every_cause_is_reached_by_an_entry() -> None:
    assert {entry.cause for entry in ENTRIES} == set(CAUSES)


def test_every_category_is_explained() -> None:
    assert {cause.category for cause in CAUSES.values()} == set(Category)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_cause_speaks_this_language_and_no_other(language: str) -> None:
    for cause in CAUSES.values():
        words = explain(cause.id, language)
        texts = (words.title, words.why, *words.advice)
        assert words.advice, cause.id
        assert all(text and text == text.strip() for text in texts), cause.id
        assert all(bool(JAPANESE.search(text)) == (language == "ja") for text in texts), cause.id
        assert all(text.endswith(("。", ".")) for text in texts[1:]), cause.id


def test_both_languages_give_the_same_advice() -> None:
    assert [cause.id for cause in CAUSES.values() if len(cause.en.advice) != len(cause.ja.advice)] == []


def test_the_first_advice_says_who_acts() -> None:
    assert [cause.id for cause in CAUSES.values() if not ACTORS.search(cause.en.advice[0])] == []


# In Japanese as well: Shirase, the IT, the other side, nobody, or, by a request, the reader.
ACTORS_JA = re.compile(r"Shirase|IT担当者|受信側の管理者|不要です|対処できません|ください|お勧めします")


def test_the_first_advice_says_who_acts_in_japanese() -> None:
    assert [cause.id for cause in CAUSES.values() if not ACTORS_JA.search(cause.ja.advice[0])] == []


def test_japanese_has_its_own_parentheses() -> None:
    texts = [(cause.id, text) for cause in CAUSES.values() for text in (cause.ja.title, cause.ja.why, *cause.ja.advice)]
    assert [found for found in texts if re.search("[()]", found[1])] == []


def test_only_a_recipient_may_be_suppressed() -> None:
    suppressing = [cause for cause in CAUSES.values() if cause.action in SUPPRESSING]
    assert suppressing
    assert {cause.scope for cause in suppressing} == {Scope.RECIPIENT}


def test_who_says_it_and_when_may_save_an_address_never_cost_it() -> None:
    """What a provider's rule does not suppress, no other rule does where the provider is unknown."""
    cost = [
        (entry.id, sample)
        for entry in ENTRIES
        for sample in entry.samples
        if entry.provider != LOCAL and CAUSES[entry.cause].action not in SUPPRESSING
        if classify(read_reply(sample)).action in SUPPRESSING
    ]
    assert cost == []


def test_hard_means_that_the_address_or_its_domain_takes_no_mail() -> None:
    for cause in CAUSES.values():
        gone = cause.category is Category.INVALID_RECIPIENT and cause.action is Action.SUPPRESS_NOW
        takes_none = cause.category is Category.INVALID_DOMAIN and cause.action is Action.PAUSE_DOMAIN
        assert cause.hard == (gone or takes_none), cause.id


def test_what_is_unknown_touches_nobody() -> None:
    assert {cause.action for cause in CAUSES.values() if cause.category is Category.UNKNOWN} == {Action.IGNORE}


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_of_our_own_client_has_a_cause(fault: Fault) -> None:
    verdict = classify(fault.reply(Phase.RCPT, "some detail: user unknown"))
    assert verdict.entry == f"local.{fault.value}"
    assert verdict.category is not Category.UNKNOWN


@pytest.mark.parametrize("fault", [Fault.DROPPED_AFTER_DOT, Fault.TIMEOUT_AFTER_DOT])
def test_no_receipt_after_the_dot_is_no_failure(fault: Fault) -> None:
    verdict = classify(fault.reply(Phase.DOT))
    assert (verdict.action, verdict.retry) == (Action.IGNORE, False)
