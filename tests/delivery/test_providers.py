"""Whose servers a mail reaches."""

from __future__ import annotations

import pytest

from delivery import providers


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("gmail-smtp-in.l.google.com", "gmail"),
        ("alt1.gmail-smtp-in.l.google.com.", "gmail"),
        ("ASPMX.L.GOOGLE.COM", "google_workspace"),
        ("smtp.google.com", "google_workspace"),
        ("outlook-com.olc.protection.outlook.com", "outlook"),
        ("example-com.mail.protection.outlook.com", "microsoft365"),
        ("mta5.am0.yahoodns.net", "yahoo"),
        ("mx-aol.mail.gm0.yahoodns.net", "aol"),
        ("mx3.mail.yahoo.co.jp", "yahoo_japan"),
        ("mx01.mail.icloud.com", "icloud"),
        ("mfsmax.docomo.ne.jp", "docomo"),
        ("lsean.ezweb.ne.jp", "au"),
        ("mx.softbank.ne.jp", "softbank"),
        ("mxa-0001.pphosted.com", "proofpoint"),
        ("notgoogle.com", None),
        ("mx.example.org", None),
        ("", None),
        ("." * 5000, None),
    ],
)
def test_the_longest_known_suffix_names_the_provider(host: str, key: str | None) -> None:
    assert providers.provider_of_mx(host) == key


@pytest.mark.parametrize(
    ("domain", "key"),
    [
        ("gmail.com", "gmail"),
        ("Docomo.ne.jp", "docomo"),
        ("i.softbank.jp", "softbank"),
        ("yahoo.co.jp", "yahoo_japan"),
        ("yahoo.com", "yahoo"),
        ("sub.gmail.com", None),
        ("example.org", None),
    ],
)
def test_a_domain_of_its_own_names_the_provider(domain: str, key: str | None) -> None:
    assert providers.provider_of_domain(domain) == key


def test_labels_speak_the_readers_language() -> None:
    assert providers.label("yahoo_japan", "en") == "Yahoo! JAPAN"
    assert providers.label("yahoo_japan", "ja") == "Yahoo!メール"
    assert providers.label("mx.example.org", "en") == "mx.example.org"


def test_no_suffix_domain_or_sign_is_claimed_twice() -> None:
    for claim in ("mx", "domains", "signs", "names"):
        claimed = [name for provider in providers.named().values() for name in getattr(provider, claim)]
        assert len(claimed) == len(set(claimed)), claim


def test_all_names_are_in_lower_case() -> None:
    for provider in providers.named().values():
        for name in (*provider.mx, *provider.domains, *provider.signs, *provider.names):
            assert name == name.lower()


def test_every_provider_has_servers_and_a_label_in_both_languages() -> None:
    for provider in providers.named().values():
        assert provider.mx
        assert provider.label_en
        assert provider.label_ja
