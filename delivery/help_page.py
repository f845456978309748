"""What the help page tells of delivery: every cause in the reader's language, by whose turn it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from delivery import knowledge, providers
from delivery.cause_words import what_we_do
from delivery.knowledge import Category, Cause, Explanation, Scope
from delivery.knowledge.lines import read_reply
from delivery.knowledge.loading import LOCAL
from delivery.knowledge.loading import knowledge as data
from delivery.knowledge.vocabulary import Entry
from delivery.message_page import explanation_of
from delivery.own_causes import OWN_CAUSES

MOST_REPLIES = 6  # of one cause: of any server as many as of named providers
LONGEST_QUESTION = 2000  # characters


@dataclass(frozen=True)
class Answer:
    """One cause in words. `deed` is what Shirase does, "" for what its own explanation says already."""

    id: str
    words: Explanation
    deed: str
    cause: Cause | None = None  # None for our own, which no server has said


@dataclass(frozen=True)
class Group:
    """The causes that one side has to deal with."""

    key: str
    title: Promise
    about: Promise
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Said:
    """A reply that means a cause: who says it, how it reads, and where that is written."""

    provider: str
    text: str
    source_url: str

    @property
    def host(self) -> str:
        return self.source_url.split("/")[2]


_GROUPS: dict[str, tuple[Promise, Promise]] = {
    Scope.RECIPIENT: (_("The person's address"), _("It concerns this one address. Only these can stop an address.")),
    Scope.RECIPIENT_DOMAIN: (_("The other side's domain"), _("It concerns everybody at that domain.")),
    Scope.SITE: (_("The receiving server"), _("The provider, its servers, and how fast they want mail.")),
    Scope.SENDING_DOMAIN: (_("Your domain"), _("What your domain's DNS says, and how its mail was received so far.")),
    Scope.SOURCE: (_("Your sending server or mail service"), _("The route: its IP address, its name, its account.")),
    Scope.CAMPAIGN: (_("Your message"), _("The same letter would be refused for anybody there.")),
    "own": (_("Shirase and your team"), _("No server said anything: it ended here.")),
    Category.UNKNOWN: (_("Not told"), _("Nobody is stopped for what nobody explains.")),
}


def groups(question: str = "") -> list[Group]:
    """Every cause with `question` in its words; groups without one are left out."""
    wanted = question.casefold().split()
    found: dict[str, list[Answer]] = {key: [] for key in _GROUPS}
    for answer in _answers():
        if _speaks_of(answer, wanted):
            found[_group_of(answer.cause)].append(answer)
    return [Group(key, *_GROUPS[key], tuple(answers)) for key, answers in found.items() if answers]


def _answers() -> Iterator[Answer]:
    for key in (*knowledge.CAUSES, *OWN_CAUSES):
        if answer := answer_of(key):
            yield answer


def _speaks_of(answer: Answer, wanted: list[str]) -> bool:
    words = answer.words
    text = " ".join((answer.id, words.title, words.why, *words.advice)).casefold()
    return all(word in text for word in wanted)


def _group_of(cause: Cause | None) -> str:
    if cause is None:
        return "own"
    return cause.category if cause.category is Category.UNKNOWN else cause.scope


def answer_of(key: str) -> Answer | None:
    """One cause of the knowledge base or of our own; None where there is none of this id."""
    words = explanation_of(key)
    if words is None:
        return None
    cause = knowledge.CAUSES.get(key)
    return Answer(key, words, what_we_do(cause) if cause else "", cause)


def read(question: str) -> Answer | None:
    """What a pasted reply means; None for words that are no reply."""
    reply = read_reply(question[:LONGEST_QUESTION])
    if not (reply.code or reply.status):
        return None
    return answer_of(knowledge.classify(reply).cause)


def replies(key: str) -> list[Said]:
    """How servers say it: of each entry one reply, those that any server may give first."""
    entries = [entry for entry in data().entries if entry.cause == key and entry.provider != LOCAL]
    anybody = [entry for entry in entries if not entry.provider][:MOST_REPLIES]
    named = [entry for entry in entries if entry.provider][:MOST_REPLIES]
    return [Said(_label(entry), entry.samples[0], entry.source_url) for entry in anybody + named]


def _label(entry: Entry) -> str:
    return providers.family_label(entry.provider, (get_language() or "en")[:2]) if entry.provider else ""
