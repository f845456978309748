from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from config import translations

PAGE = """{% load i18n %}
<p>{% translate "Hello" %} it's ( unbalanced
    {% blocktranslate count n=people|length %}{{ n }} person{% plural %}{{ n }} people{% endblocktranslate %}
  {% translate "Send" context "verb" as label %}{{ _("Inline") }} {# no string #}</p>
"""
PROGRAM = 'from django.utils.translation import gettext as _\n\nTITLE = _("Stopped addresses")\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("contacts", "templates/contacts", "templates/parts"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "contacts" / "forms.py").write_text(PROGRAM)
    (tmp_path / "templates" / "contacts" / "list.html").write_text(PAGE)
    (tmp_path / "templates" / "parts" / "menu.html").write_text('{% load i18n %}{% translate "Menu" %}')
    return tmp_path


def texts(root: Path, app: str) -> set[str]:
    return {translations.english(message) for message in translations.messages(translations.stored(root, app))}


def translate(root: Path, app: str, english: str, japanese: str) -> None:
    path = translations.catalogue_path(root, app)
    before = f'msgid "{english}"\nmsgstr ""'
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, f'msgid "{english}"\nmsgstr "{japanese}"'))


def test_strings_of_programs_and_pages_go_to_their_app(project: Path) -> None:
    translations.update(project)
    assert texts(project, "contacts") == {"Hello", "%(n)s person", "Send", "Inline", "Stopped addresses"}
    assert texts(project, "config") == {"Menu"}


def test_a_translation_survives_and_what_is_gone_goes(project: Path) -> None:
    translations.update(project)
    translate(project, "contacts", "Hello", "こんにちは")
    (project / "contacts" / "forms.py").write_text("")
    translations.update(project)
    assert "こんにちは" in translations.catalogue_path(project, "contacts").read_text()
    assert "Stopped addresses" not in texts(project, "contacts")


def test_every_fault_is_named(project: Path) -> None:
    translations.update(project)
    assert {fault.text for fault in translations.faults(project) if fault.why == "has no Japanese"} >= {"Hello", "Menu"}
    translate(project, "config", "Menu", "メニュー %(n)s")
    (project / "contacts" / "forms.py").write_text(PROGRAM + 'NEW = _("New")\n')
    why = {fault.text: fault.why for fault in translations.faults(project)}
    assert why["New"].startswith("not extracted")
    assert why["Menu"].startswith("its Japanese has other placeholders")


@pytest.mark.parametrize(
    ("text", "spaced"),
    [
        ("%(n)s 件中 %(part)s件", True),
        ("%(n)s件中%(part)s件、2%%以上", False),
        ("2%% 以上", True),
        ("直近 2時間", True),
        ("DNS で", True),
        ("DNSで正しい DKIM", True),
        ("要確認 %(n)s件", False),
        ("%(name)s からのメール", False),
        ("{%% if %%} と null または If-Match で、2026-12-01 の形", False),
    ],
)
def test_japanese_has_no_space_beside_a_figure_or_a_latin_word(text: str, spaced: bool) -> None:
    assert bool(translations.SPACED.search(text)) == spaced


def test_the_texts_of_the_api_are_words_of_their_own(project: Path) -> None:
    (project / "contacts" / "forms.py").write_text('STOP = _("Stop")\n')
    translations.update(project, api=["Stop", "Over 5% of them"])
    assert texts(project, "config") == {"Menu", "Stop", "Over 5%% of them"}
    translate(project, "contacts", "Stop", "止める")
    assert "Stop" in {fault.text for fault in translations.faults(project, ["Stop"]) if fault.app == "config"}


def test_the_check_fails_for_an_operation_without_its_japanese(
    project: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.BASE_DIR = project
    call_command("translations")
    with pytest.raises(CommandError):
        call_command("translations", check=True)
    assert "config: 'Create list': has no Japanese" in capsys.readouterr().err


def test_one_text_has_one_japanese(project: Path) -> None:
    (project / "contacts" / "forms.py").write_text(PROGRAM + 'MENU = _("Menu")\n')
    translations.update(project)
    translate(project, "contacts", "Menu", "献立")
    translate(project, "config", "Menu", "メニュー")
    assert any("献立" in fault.why for fault in translations.faults(project))


def test_the_binary_catalogue_follows_its_text(project: Path) -> None:
    translations.update(project)
    assert translations.compile_stale(project)
    assert translations.compile_stale(project) == []
