"""Imports by HTTP: the file, its mapping, the dry run, the writing, the way back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from django.http import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Schema, Status
from pydantic import Field as Described

from accounts import audit
from accounts.api import (
    ApiRequest,
    Body,
    Id,
    JsonObject,
    Key,
    Line,
    Page,
    Resource,
    Window,
    answerable,
    example,
    page,
    refuses,
)
from accounts.api_keys import Scope
from accounts.problems import Kind, Problem, invalid, of_form
from contacts import exporting, importing, tasks
from contacts.api.tags import Tags
from contacts.forms import OptionsForm
from contacts.importing import FileProblem, mapping
from contacts.importing.mapping import NEW_KINDS, TARGETS
from contacts.importing.problems import words_of_file_problem
from contacts.models import Field, Import

router = Resource(tags=["Imports"])
PIECE = 256 * 1024
CSV_BODY = {"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}}
CSV_ANSWER = {"responses": {200: {"description": "CSV", "content": {"text/csv": {"schema": {"type": "string"}}}}}}


class ImportOut(Schema):
    id: int
    name: str
    state: str = Described(description="uploaded, checking, checked, importing, done, stopped, failed, undoing, undone")
    size: int
    encoding: str
    separator: str
    header: bool
    columns: list[str]
    samples: list[list[str]]
    mapping: list[str] = Described(description="Where each column goes: as guessed, or as chosen")
    options: JsonObject
    problem: str = Described(description="Why the file cannot be read, with the line, or why it broke off")
    rows: int
    estimate: dict[str, int] = Described(description="The dry run: rows by what would happen to them")
    counts: dict[str, int] = Described(description="What happened, by category")
    undone: dict[str, int]
    can_undo: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @staticmethod
    def resolve_problem(row: Import) -> str:
        return words_of_file_problem(**row.problem) if row.problem else ""

    @staticmethod
    def resolve_can_undo(row: Import) -> bool:
        return importing.can_undo(row)


class Decision(Body):
    """Where the columns go, and what happens with the people."""

    model_config = example(
        mapping=["address", "last_name", "new:text"], lists=[1], tags=["Shop"], statement="Asked at our shop"
    )

    mapping: list[str] | None = Described(
        None,
        description='One target a column: "" (left out), address, first_name, last_name, full_name, language, tags, '
        "consent, field:<key>, new:<kind>; null: as guessed",
    )
    lists: Annotated[list[Id], Described(max_length=500)] = []
    tags: Tags = []
    statement: str = Described("", description="Where the consent comes from; needed with lists")
    update: bool = Described(True, description="People who are here already get the file's values")
    keep_empty: bool = Described(True, description="An empty cell leaves the value that is here")


def import_of(request: ApiRequest, pk: int) -> Import:
    return get_object_or_404(Import.objects.of(request.workspace).select_related("workspace", "job"), pk=pk)


@router.get("", auth=Key(Scope.READ), response=Page[ImportOut])
def list_imports(request: ApiRequest, window: Query[Window]) -> Any:
    """Newest first."""
    return page(Import.objects.of(request.workspace), window, newest_first=True)


@router.post("", auth=Key(Scope.CONTACTS), response={201: ImportOut}, openapi_extra=CSV_BODY)
def upload_import(request: ApiRequest, name: Annotated[Line, Described(max_length=200)] = "people.csv") -> Any:
    """The CSV file is the body. It is read as it comes, and refused at the first octet that makes it none."""
    try:
        made = importing.receive(request.workspace, name, _pieces(request), answerable(request))
    except FileProblem as problem:
        raise invalid("file", problem.words) from problem
    made.refresh_from_db()
    return Status(201, made)


@router.get("/{pk}", auth=Key(Scope.READ), response=ImportOut)
def read_import(request: ApiRequest, pk: Id) -> Any:
    """Where it is: ask again until `state` is checked, done, stopped, failed or undone."""
    return import_of(request, pk)


@router.post("/{pk}/check", auth=Key(Scope.CONTACTS), response={202: ImportOut}, openapi_extra=refuses(Kind.CONFLICT))
def check_import(request: ApiRequest, pk: Id, decision: Decision) -> Any:
    """The dry run: every row is read and counted, nobody is changed. Then `start`."""
    row = import_of(request, pk)
    chosen, form = _mapping(row, decision.mapping), _options(request, decision)
    if not importing.decide(row, chosen, form.options([one.pk for one in form.cleaned_data["lists"]])):
        raise _not_now(row)
    return _woken(row)


@router.post("/{pk}/start", auth=Key(Scope.CONTACTS), response={202: ImportOut}, openapi_extra=refuses(Kind.CONFLICT))
def start_import(request: ApiRequest, pk: Id) -> Any:
    """Write what the dry run found. Where a field that it makes was made meanwhile, of another kind, the dry run
    begins again instead: `state` is `checking`."""
    row = import_of(request, pk)
    if not importing.confirm(row, answerable(request)):
        raise _not_now(row)
    if row.state == Import.State.IMPORTING:
        audit.record(request, request.workspace, "import.started", row, sha256=row.sha256, rows=row.rows)
    return _woken(row)


@router.post("/{pk}/stop", auth=Key(Scope.CONTACTS), response=ImportOut, openapi_extra=refuses(Kind.CONFLICT))
def stop_import(request: ApiRequest, pk: Id) -> Any:
    """Rows written so far stay, and can be undone."""
    row = import_of(request, pk)
    if not importing.stop(row):
        raise _not_now(row)
    audit.record(request, request.workspace, "import.stopped", row)
    return import_of(request, pk)


@router.post("/{pk}/undo", auth=Key(Scope.CONTACTS), response={202: ImportOut}, openapi_extra=refuses(Kind.CONFLICT))
def undo_import(request: ApiRequest, pk: Id) -> Any:
    """Take back what it wrote, where nothing has happened since."""
    row = import_of(request, pk)
    if not importing.undo(row, answerable(request)):
        raise _not_now(row)
    audit.record(request, request.workspace, "import.undone", row)
    return _woken(row)


@router.get("/{pk}/rows", auth=Key(Scope.READ), openapi_extra=CSV_ANSWER)
def read_rows(request: ApiRequest, pk: Id) -> HttpResponseBase:
    """The rows that were not simply taken, each with its reason, as CSV."""
    lines = exporting.problems(import_of(request, pk))
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")


def _pieces(request: ApiRequest) -> Iterator[bytes]:
    return iter(partial(request.read, PIECE), b"")


def _mapping(row: Import, chosen: list[str] | None) -> list[str]:
    """Raises Problem naming the column."""
    targets = list(row.mapping) if chosen is None else chosen
    if len(targets) != len(row.columns):
        raise invalid("mapping", _("The file has %(columns)s columns.") % {"columns": len(row.columns)})
    keys = Field.objects.of(row.workspace_id).values_list("key", flat=True)
    allowed = {"", *TARGETS, *(f"field:{key}" for key in keys), *(f"new:{kind}" for kind in NEW_KINDS)}
    for place, target in enumerate(targets):
        if target not in allowed:
            raise invalid(f"mapping.{place}", _("There is no such target."))
    found = mapping.check(targets)
    if found == "no_address":
        raise invalid("mapping", _("Choose the column that holds the email address."))
    if found:
        raise invalid("mapping", _("Two columns go to the same place. Choose one of them."))
    return targets


def _options(request: ApiRequest, decision: Decision) -> OptionsForm:
    typed = {
        "lists": decision.lists,
        "tags": ", ".join(decision.tags),
        "statement": decision.statement,
        "update": "yes" if decision.update else "no",
        "empty": "keep" if decision.keep_empty else "erase",
    }
    form = OptionsForm(typed, workspace=request.workspace)
    if not form.is_valid():
        raise of_form(form, {"empty": "keep_empty"})
    return form


def _woken(row: Import) -> Status[Import]:
    tasks.wake(tasks.run_import, row.job_id)
    row.refresh_from_db()
    return Status(202, row)


def _not_now(row: Import) -> Problem:
    return Problem(Kind.CONFLICT, _("The import is “%(state)s”: that is not possible now.") % {"state": row.state})
