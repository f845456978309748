"""What an SMTP reply means: whose fault it is, what Shirase does, what a person should do.

Pure: the data beside this file is read once, on the first question; no framework, no database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from delivery.knowledge.loading import knowledge
from delivery.knowledge.matching import verdict
from delivery.knowledge.vocabulary import Action, Category, Cause, Explanation, Scope, Verdict
from delivery.smtp.replies import Reply

__all__ = ["CAUSES", "Action", "Category", "Cause", "Explanation", "Scope", "Verdict", "classify", "explain"]


class _Causes(Mapping[str, Cause]):
    """All causes by id; reads the files when first asked."""

    def __getitem__(self, key: str) -> Cause:
        return knowledge().causes[key]

    def __iter__(self) -> Iterator[str]:
        return iter(knowledge().causes)

    def __len__(self) -> int:
        return len(knowledge().causes)


CAUSES: Mapping[str, Cause] = _Causes()


def classify(reply: Reply, *, provider: str = "") -> Verdict:
    """The verdict on one reply; category unknown where no rule knows it.

    `provider` is any name that delivery.providers knows (from MX or site); without it the text may tell.
    """
    return verdict(reply, provider)


def explain(cause_id: str, language: str) -> Explanation:
    """Title, reason and advice of a cause, in Japanese for "ja", else in English."""
    cause = CAUSES.get(cause_id) or CAUSES["unknown"]
    return cause.ja if language.startswith("ja") else cause.en
