"""Import in four screens (upload, columns, consent, dry run), then the result; and the history of all imports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from accounts import audit
from accounts.paging import page_of
from accounts.roles import Can, requires
from contacts import exporting, importing, lists, tasks
from contacts.forms import ENCODING_NAMES, SEPARATORS, OptionsForm, ReadingForm, UploadForm
from contacts.importing import FileProblem, mapping, receiving, running
from contacts.importing.problems import words_of_file_problem
from contacts.models import Field, Import
from contacts.uploads import Guard
from contacts.views.import_words import categories, columns_seen, first_problems, targets, undo_words

PAGE = 25
State = Import.State
SAMPLE_FILE = (
    "email,first name,last name,language\r\nken@mail.example,Ken,Sato,en\r\nhanako@mail.example,花子,山田,ja\r\n"
)


def _import(request: Any, pk: int) -> Import:
    rows = Import.objects.of(request.workspace).select_related("workspace", "job", "created_by")
    return get_object_or_404(rows, pk=pk)


# The handler must stand before the form is read, and the check of the CSRF token reads it: the token is checked inside.
@csrf_exempt
@requires(Can.WRITE_CONTACTS)
def upload(request: Any) -> HttpResponse:
    """Screen 1."""
    guard = Guard(request)
    request.upload_handlers.insert(0, guard)
    return _upload(request, guard)


@csrf_protect
def _upload(request: Any, guard: Guard) -> HttpResponse:
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if guard.problem:
        # The file was dropped on its way in: what the form misses is not the person's fault.
        form.errors.clear()
        form.add_error(None, guard.problem.words)
    if form.is_valid():
        try:
            made = _receive(request, form)
        except FileProblem as problem:
            form.add_error(None, problem.words)
        else:
            return redirect("contacts:import_map", made.pk)
    context = {"form": form, "step": 1, "section": "imports"}
    return render(request, "contacts/import_upload.html", context, status=422 if form.errors else 200)


def _receive(request: Any, form: UploadForm) -> Import:
    file, pasted = form.cleaned_data["file"], form.cleaned_data["pasted"]
    if file:
        return importing.receive(request.workspace, file.name, file.chunks(), request.user)
    return importing.receive(request.workspace, _("pasted.csv"), [pasted.encode(errors="replace")], request.user)


@requires(Can.VIEW)
def sample_file(request: Any) -> HttpResponse:
    response = HttpResponse("\ufeff" + SAMPLE_FILE, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="people.csv"'
    return response


@requires(Can.WRITE_CONTACTS)
def map_columns(request: Any, pk: int) -> HttpResponse:
    """Screen 2."""
    row = _import(request, pk)
    if row.state not in (State.UPLOADED, State.CHECKED):
        return redirect("contacts:import_result", row.pk)
    problem = ""
    if request.method == "POST":
        chosen = _chosen(request, row)
        problem = _mapping_problem(chosen)
        if not problem and running.choose(row, chosen):
            return redirect("contacts:import_options", row.pk)
        row.mapping = chosen
    return render(request, "contacts/import_map.html", _map_context(request, row, problem), status=_status(problem))


def _status(problem: str) -> int:
    return 422 if problem else 200


def _chosen(request: Any, row: Import) -> list[str]:
    """A known target a column; anything else counts as left out."""
    allowed = {value for _group, options in targets(row.workspace_id) for value, _label in options}
    wanted = [request.POST.get(f"column_{place}", "") for place in range(len(row.columns))]
    return [target if target in allowed else "" for target in wanted]


def _mapping_problem(chosen: list[str]) -> str:
    found = mapping.check(chosen)
    if found == "no_address":
        return _("Choose the column that holds the email address.")
    return _("Two columns go to the same place. Choose one of them.") if found else ""


def _map_context(request: Any, row: Import, problem: str) -> dict[str, Any]:
    earlier = running.earlier(row)
    if earlier and request.GET.get("earlier"):
        known = set(Field.objects.of(row.workspace_id).values_list("key", flat=True))
        kept = running.mapping_of(earlier)
        row.mapping = [t if t.removeprefix("field:") in known or ":" not in t else "" for t in kept]
    shape = receiving.beginning(row, separator=row.separator, header=row.header)
    return {
        "import": row,
        "columns": columns_seen(row, shape.samples),
        "targets": targets(row.workspace_id),
        "used": sum(bool(target) for target in row.mapping),
        "earlier": earlier,
        "problem": problem,
        "reading": ReadingForm(initial=_reading(row)),
        "encoding": ENCODING_NAMES.get(row.encoding, row.encoding),
        "separator": dict(SEPARATORS)[row.separator],
        "beginning": [row.columns] * row.header + shape.samples[:3],
        "step": 2,
        "section": "imports",
    }


def _reading(row: Import) -> dict[str, Any]:
    return {"encoding": row.encoding, "separator": row.separator, "header": str(row.header)}


@requires(Can.WRITE_CONTACTS)
@require_POST
def reread(request: Any, pk: int) -> HttpResponse:
    """Read the file as the person says it is written."""
    row, form = _import(request, pk), ReadingForm(request.POST)
    if row.state in (State.UPLOADED, State.CHECKED) and form.is_valid():
        try:
            receiving.reread(row, **form.cleaned_data)
        except FileProblem as problem:
            messages.error(request, problem.words)
    return redirect("contacts:import_map", row.pk)


@requires(Can.WRITE_CONTACTS)
def options(request: Any, pk: int) -> HttpResponse:
    """Screen 3; its answer begins the dry run."""
    row = _import(request, pk)
    if row.state not in (State.UPLOADED, State.CHECKED) or mapping.check(row.mapping):
        return redirect("contacts:import_map", row.pk)
    initial = OptionsForm.stored(row)
    form = OptionsForm(request.POST or None, workspace=request.workspace, initial=initial)
    if request.method == "POST" and form.is_valid():
        if importing.decide(row, row.mapping, form.options(_lists(request, form))):
            tasks.wake(tasks.run_import, row.job_id)
        return redirect("contacts:import_result", row.pk)
    context = {"import": row, "form": form, "step": 3, "section": "imports"}
    return render(request, "contacts/import_options.html", context, status=422 if form.errors else 200)


@transaction.atomic
def _lists(request: Any, form: OptionsForm) -> list[int]:
    """The ticked lists, and the new one, which is made now: the dry run counts with it."""
    chosen = [row.pk for row in form.cleaned_data["lists"]]
    name = form.cleaned_data["new_list"]
    if name:
        made = lists.create(request.workspace, name)
        audit.record(request, request.workspace, "list.created", made)
        chosen.append(made.pk)
    return chosen


@requires(Can.VIEW)
def result(request: Any, pk: int) -> HttpResponse:
    """Screen 4 and all that follows: the dry run, the import, its result, the undo. htmx asks for the live part."""
    importing.settle_cancelled(pk)
    row = _import(request, pk)
    if row.state == State.UPLOADED:
        return redirect("contacts:import_map", row.pk)
    dry = row.state in (State.CHECKING, State.CHECKED, State.FAILED)
    context = {
        "import": row,
        "dry": dry,
        "categories": categories(row, row.estimate if dry else row.counts),
        "problem": words_of_file_problem(**row.problem) if row.problem else "",
        "problems": first_problems(row),
        "undo_words": undo_words(row),
        "can_undo": importing.can_undo(row),
        "working": row.state in (State.CHECKING, State.IMPORTING, State.UNDOING),
        "step": 4,
        "section": "imports",
    }
    return render(request, "contacts/_import.html" if request.htmx else "contacts/import_result.html", context)


@requires(Can.WRITE_CONTACTS)
@require_POST
def confirm(request: Any, pk: int) -> HttpResponse:
    row = _import(request, pk)
    if importing.confirm(row, request.user):
        if row.state == State.CHECKING:
            messages.warning(
                request,
                _("A field of this file was made meanwhile, of another kind. The file is checked again with it."),
            )
        else:
            audit.record(request, request.workspace, "import.started", row, sha256=row.sha256, rows=row.rows)
        tasks.wake(tasks.run_import, row.job_id)
    return redirect("contacts:import_result", row.pk)


@requires(Can.WRITE_CONTACTS)
@require_POST
def undo(request: Any, pk: int) -> HttpResponse:
    row = _import(request, pk)
    if importing.undo(row, request.user):
        audit.record(request, request.workspace, "import.undone", row)
        tasks.wake(tasks.run_import, row.job_id)
    return redirect("contacts:import_result", row.pk)


@requires(Can.VIEW)
def problems(request: Any, pk: int) -> StreamingHttpResponse:
    """The rows that were not simply taken, as CSV."""
    row = _import(request, pk)
    lines: Iterable[str] = exporting.problems(row)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="import-{row.pk}-rows.csv"'
    return response


@requires(Can.VIEW)
def history(request: Any) -> HttpResponse:
    rows = Import.objects.of(request.workspace).select_related("created_by")
    page = page_of(rows, request.GET, size=PAGE)
    shown = [(row, categories(row, row.counts or row.estimate)) for row in page.rows]
    return render(request, "contacts/imports.html", {"page": page, "rows": shown, "section": "imports"})
