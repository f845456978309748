"""The catalogues: every string of a program or page, one file an app, in `locale/<app>/ja/LC_MESSAGES/django.po`.

GNU gettext is not needed: Django turns a page into lines of calls, Babel reads those and the programs' own.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation import templatize

APPS = ("accounts", "contacts", "delivery", "campaigns", "analytics", "config")
LANGUAGE = "ja"
HEADER = """msgid ""
msgstr ""
"Language: ja\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

"""
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
API = "API"
"""The context of the OpenAPI document's texts: “Stop” as a heading there is another word than on a button."""
PLACEHOLDER = re.compile(r"%\(\w+\)[sdf]|%[sd]|\{\w*\}")
# Japanese has no space beside a figure or a Latin word (“60件中55件”, “DNSで”). Names that people gave and code
# (`null`, `If-Match`) may have one, and so may a label before its figure (“要確認 %(n)s件”).
_JA, _COUNTER = "[ぁ-んァ-ヶー一-龠々]", "(?:か[月所]|[件通人日時間秒分回個社名行本つ種週年月列文字番以])"
SPACED = re.compile(
    rf"(?<![\w:.\-])\d[\d,.]*%?%? (?={_JA})"
    rf"|%\(\w+\)[sd](?:%%)? (?={_COUNTER})"
    rf"|{_JA} (?=\d[\d,.]*(?![\d,.:\-]))"
    rf"|(?:[はがをにのでともへ]|[件通人行列]中|うち) (?=%\(\w+\)[sd](?:%%|{_COUNTER}))"
    rf"|(?<![\w.\-/@])[A-Z][A-Za-z0-9]* (?={_JA})"
    rf"|{_JA} (?=[A-Z][A-Za-z0-9]*(?![\w.\-/:@]))"
)

Key = tuple[str | None, str]
"""(context, English text): what identifies a string."""


@dataclass(frozen=True)
class Fault:
    """One string that a Japanese reader would not see as it should be."""

    app: str
    text: str
    why: str

    def __str__(self) -> str:
        return f"{self.app}: {self.text!r}: {self.why}"


def catalogue_path(root: Path, app: str) -> Path:
    return root / "locale" / app / LANGUAGE / "LC_MESSAGES" / "django.po"


def extracted(root: Path, app: str, api: Collection[str] = ()) -> Catalog:
    """Every string that the app's programs and pages hold now, without translations.

    `api`: the texts of the OpenAPI document, which no file holds as they are shown; they go to `config`.
    """
    catalog = Catalog(locale=LANGUAGE)
    for path in sources(root, app):
        for _line, text, comments, context in _strings_of(path):
            where = (str(path.relative_to(root)), 0)
            catalog.add(text, locations=[where], auto_comments=comments, context=context)
    for text in api if app == "config" else ():
        catalog.add(text.replace("%", "%%"), locations=[("openapi.json", 0)], context=API)  # as `translate` asks for it
    return catalog


def sources(root: Path, app: str) -> list[Path]:
    """An app's programs and its folder of pages; `config` has the pages that belong to no app."""
    programs = [path for path in (root / app).rglob("*.py") if "migrations" not in path.parts]
    if app == "config":
        folders = [entry for entry in (root / "templates").glob("*") if entry.name not in APPS[:-1]]
    else:
        folders = [root / "templates" / app]
    pages = [page for folder in folders for page in ([folder] if folder.is_file() else folder.rglob("*"))]
    return sorted(programs) + sorted(page for page in pages if page.suffix in (".html", ".txt"))


def _strings_of(path: Path) -> Iterator[tuple[int, str | tuple[str, ...], list[str], str | None]]:
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        # What is left of a page between the calls is no Python: without indentation it is at least a row of names.
        text = re.sub(r"^[ \t]+", "", templatize(text, origin=str(path)), flags=re.MULTILINE)
    yield from extract("python", io.BytesIO(text.encode()), KEYWORDS, ["Translators"], {"encoding": "utf-8"})


def stored(root: Path, app: str) -> Catalog:
    path = catalogue_path(root, app)
    if not path.exists():
        return Catalog(locale=LANGUAGE)
    with path.open("rb") as file:
        return read_po(file, locale=LANGUAGE, abort_invalid=True)


def update(root: Path, apps: tuple[str, ...] = APPS, api: Collection[str] = ()) -> None:
    """Writes each catalogue anew: what is gone goes, what is new comes, translated where another app has it already."""
    for app in apps:
        fresh = extracted(root, app, api)
        # Read now, not before the slow part: somebody may be translating.
        known = {name: stored(root, name) for name in APPS}
        for message in messages(fresh):
            _take_over(message, known[app].get(message.id, message.context) or _elsewhere(known, message))
        write(fresh, catalogue_path(root, app))


def _take_over(message: Message, old: Message | None) -> None:
    if old:
        message.string, message.flags = old.string, old.flags | message.flags
        message.user_comments = old.user_comments


def _elsewhere(known: dict[str, Catalog], message: Message) -> Message | None:
    found = (catalog.get(message.id, message.context) for catalog in known.values())
    return next((other for other in found if other and japanese(other)), None)


def write(catalog: Catalog, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    body = io.BytesIO()
    write_po(body, catalog, width=0, omit_header=True, sort_output=True, include_lineno=False)
    text = HEADER + body.getvalue().decode().lstrip("\n")
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def faults(root: Path, api: Collection[str] = ()) -> list[Fault]:
    """Every string without its Japanese, with a doubtful one, or with two."""
    catalogs = {app: stored(root, app) for app in APPS}
    found = [fault for app in APPS for fault in _faults_of(app, extracted(root, app, api), catalogs[app])]
    return found + list(_said_differently(catalogs))


def _faults_of(app: str, wanted: Catalog, have: Catalog) -> Iterator[Fault]:
    for message in messages(wanted):
        entry = have.get(message.id, message.context)
        if why := _fault_in(message, entry):
            yield Fault(app, english(message), why)
    for message in messages(have):
        if wanted.get(message.id, message.context) is None:
            yield Fault(app, english(message), "is in the catalogue but nowhere in the product")


def _fault_in(message: Message, entry: Message | None) -> str:
    if entry is None:
        return "not extracted (make messages)"
    if not japanese(entry):
        return "has no Japanese"
    if entry.fuzzy:
        return "is marked fuzzy"
    singular, plural = _both_forms(message)
    have = _placeholders(japanese(entry))
    if have not in (_placeholders(singular), _placeholders(plural)):
        return f"its Japanese has other placeholders: {japanese(entry)!r}"
    if spaced := SPACED.search(japanese(entry)):
        return f"its Japanese has a space beside a figure or a Latin word: {spaced[0]!r}"
    return ""


def _said_differently(catalogs: dict[str, Catalog]) -> Iterator[Fault]:
    """Django merges the catalogues, so that one text has one translation, whichever app asks for it."""
    first: dict[Key, tuple[str, str]] = {}
    for app, catalog in catalogs.items():
        for message in filter(japanese, messages(catalog)):
            key = (message.context, english(message))
            other, text = first.setdefault(key, (app, japanese(message)))
            if text != japanese(message):
                yield Fault(app, key[1], f"is {japanese(message)!r} here but {text!r} in {other}")


def compile_stale(root: Path) -> list[Path]:
    """Writes the binary catalogues that are older than their text; they are not kept in the repository."""
    written = []
    for app in APPS:
        source = catalogue_path(root, app)
        target = source.with_suffix(".mo")
        if source.exists() and (not target.exists() or target.stat().st_mtime < source.stat().st_mtime):
            draft = target.with_suffix(".mo.new")
            with draft.open("wb") as file:
                write_mo(file, stored(root, app))
            draft.replace(target)
            written.append(target)
    return written


def messages(catalog: Catalog) -> Iterator[Message]:
    return (message for message in catalog if message.id)


def english(message: Message) -> str:
    return _both_forms(message)[0]


def japanese(message: Message) -> str:
    return message.string if isinstance(message.string, str) else (message.string or ("",))[0]


def _both_forms(message: Message) -> tuple[str, str]:
    return (message.id, message.id) if isinstance(message.id, str) else (message.id[0], message.id[1])


def _placeholders(text: str) -> list[str]:
    return sorted(set(PLACEHOLDER.findall(text.replace("%%", ""))))
