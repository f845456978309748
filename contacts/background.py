"""How this app's background jobs and their notices are worded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.jobs import Kind
from accounts.models import Job
from contacts.importing import running


def _import_title(job: Job) -> str:
    titles = {"check": _("Dry run of an import"), "write": _("Import"), "undo": _("Undo of an import")}
    return titles[job.params["work"]]


def _import_url(job: Job) -> str:
    return reverse("contacts:import_result", args=[job.params["import"]])


def _bulk_title(job: Job) -> str:
    return _("Change of many people")


def _bulk_url(job: Job) -> str:
    return reverse("contacts:bulk_result", args=[job.params["bulk"]])


KINDS = {
    running.KIND: Kind(title=_import_title, url=_import_url),
    "bulk": Kind(title=_bulk_title, url=_bulk_url),
}


def _checked(params: Mapping[str, Any]) -> str:
    return _("“%(name)s” has been checked and waits for you to confirm it.") % params


def _done(params: Mapping[str, Any]) -> str:
    return _("“%(name)s” is imported.") % params


def _undone(params: Mapping[str, Any]) -> str:
    return _("The import of “%(name)s” is undone.") % params


def _failed(params: Mapping[str, Any]) -> str:
    return _("“%(name)s” could not be read. Nothing was imported.") % params


def _broke_off(params: Mapping[str, Any]) -> str:
    return _("The import of “%(name)s” broke off. What was written so far stays, and you can undo it.") % params


def _undo_broke_off(params: Mapping[str, Any]) -> str:
    return _("The undo of the import of “%(name)s” broke off. Start the undo again.") % params


def _bulk_broke_off(params: Mapping[str, Any]) -> str:
    return _("A change of many people broke off. What was done so far stays, and you can undo it.")


NOTICES = {
    "import.checked": _checked,
    "import.done": _done,
    "import.undone": _undone,
    "import.failed": _failed,
    "import.broke_off_checking": _failed,
    "import.broke_off_importing": _broke_off,
    "import.broke_off_undoing": _undo_broke_off,
    "bulk.broke_off": _bulk_broke_off,
}
