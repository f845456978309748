"""What is wrong with a template, in words."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from delivery.content.source import Part, TemplateProblem

PARTS: dict[Part, Promise | str] = {
    Part.SUBJECT: gettext_lazy("Subject"),
    Part.PREHEADER: gettext_lazy("Preview text"),
    Part.HTML: "HTML",
    Part.TEXT: gettext_lazy("Text"),
}


def words_of(problem: TemplateProblem) -> str:
    """What and where, in the reader's language."""
    said = _(problem.message) % problem.params
    where = PARTS[problem.where]
    if not problem.line:
        return f"{where}: {said}"
    return _("%(part)s, line %(line)s, column %(column)s: %(problem)s") % {
        "part": where,
        "line": problem.line,
        "column": problem.column,
        "problem": said,
    }
