"""The page of all people: find, choose, change many at once, export."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts import audit
from accounts.paging import page_of
from accounts.roles import Can, requires
from contacts import bulk as verbs
from contacts import counts, exporting, people, sample, search, standing, tasks
from contacts.forms import STATES, NewPersonForm, TagField
from contacts.models import Bulk, Contact, List
from contacts.search import Filter

PAGE = 50


@requires(Can.VIEW)
def people_list(request: Any) -> HttpResponse:
    """Everybody who matches, newest first; the rows alone for htmx."""
    wanted = Filter.of(request.GET)
    found = search.find(request.workspace, wanted).prefetch_related("subscriptions__list")
    page = page_of(found, request.GET, size=PAGE)
    matching, exact = search.how_many(request.workspace, wanted)
    context = {
        "page": page,
        "rows": _rows(request.workspace.pk, page.rows),
        "filter": wanted,
        "matching": matching,
        "exact": exact,
        "people": counts.people(request.workspace),
        "lists": List.objects.of(request.workspace).order_by("name"),
        "states": STATES,
        "tags": search.known_tags(request.workspace),
        "sample": sample.loaded(request.workspace),
        "section": "people",
    }
    return render(request, "contacts/_people.html" if request.htmx else "contacts/list.html", context)


def _rows(workspace_id: int, contacts: list[Contact]) -> list[dict[str, Any]]:
    standings = standing.of_many(workspace_id, contacts)
    return [
        {
            "contact": contact,
            "standing": standings[contact.pk],
            "lists": [row.list for row in contact.subscriptions.all() if row.state == "subscribed"],
        }
        for contact in contacts
    ]


@requires(Can.WRITE_CONTACTS)
def new(request: Any) -> HttpResponse:
    form = NewPersonForm(request.POST or None, workspace=request.workspace)
    if request.method != "POST" or not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "contacts/new.html", {"form": form, "section": "people"}, status=status)
    data = form.cleaned_data
    try:
        made = people.add(
            request.workspace,
            data["address"],
            form.values(),
            lists=data["lists"],
            statement=data["statement"],
            actor=request.user,
        )
    except people.AlreadyThere as there:
        messages.info(request, _("This person is here already."))
        return redirect("contacts:contact", there.contact.pk)
    audit.record(request, request.workspace, "contact.added", made)
    return redirect("contacts:contact", made.pk)


@requires(Can.WRITE_CONTACTS)
@require_POST
def bulk(request: Any) -> HttpResponse:
    """One change of those who are ticked, or of all who match."""
    who, expected = _chosen(request)
    try:
        detail = _detail(request)
    except ValidationError as error:
        messages.error(request, _("Nothing was changed: %(why)s") % {"why": error.messages[0]})
        return redirect(_back(request))
    if not expected or detail is None:
        messages.error(request, _("Nothing was changed: tick people, and choose what to do with them."))
        return redirect(_back(request))
    action = request.POST["action"]
    made = verbs.start(request.workspace, action, detail, who, by=request.user, expected=expected)
    audit.record(request, request.workspace, _AUDIT[action], verbs.title(made), **detail)
    tasks.wake(tasks.run_bulk, made.job_id)
    return redirect("contacts:bulk_result", made.pk)


_AUDIT = {"tag": "contacts.tagged", "list": "contacts.listed", "stop": "contacts.stopped"}


def _chosen(request: Any) -> tuple[dict[str, Any], int]:
    """Who is meant, and about how many they are."""
    if request.POST.get("all"):
        wanted = Filter.of(request.POST)
        return {"filter": wanted.stored()}, search.how_many(request.workspace, wanted)[0]
    ids = [int(pk) for pk in request.POST.getlist("contact")[: PAGE * 2] if pk.isascii() and pk.isdigit()]
    return {"ids": ids}, len(ids)


def _detail(request: Any) -> dict[str, Any] | None:
    """What to do with them; None where the request leaves it open. Raises ValidationError for a bad tag."""
    action = request.POST.get("action")
    if action == "tag":
        tag = TagField(required=False).clean(request.POST.get("new_tag", ""))
        return {"tag": tag} if tag else None
    if action == "list":
        pk = request.POST.get("to_list", "")
        row = List.objects.of(request.workspace).filter(pk=pk).first() if pk.isascii() and pk.isdigit() else None
        return {"list": row.pk} if row else None
    return {"note": ""} if action == "stop" else None


def _back(request: Any) -> str:
    query = Filter.of(request.POST).stored()
    link = request.GET.copy()
    link.clear()
    link.update(query)
    return f"{reverse('contacts:list')}?{link.urlencode()}" if query else reverse("contacts:list")


@requires(Can.VIEW)
def bulk_result(request: Any, bulk: int) -> HttpResponse:
    """How far it is, what it did, and the way back."""
    row = get_object_or_404(Bulk.objects.of(request.workspace).select_related("job", "created_by"), pk=bulk)
    context = {"bulk": row, "title": verbs.title(row), "working": verbs.is_working(row), "section": "people"}
    return render(request, "contacts/_bulk.html" if request.htmx else "contacts/bulk.html", context)


@requires(Can.WRITE_CONTACTS)
@require_POST
def bulk_undo(request: Any, bulk: int) -> HttpResponse:
    row = get_object_or_404(Bulk.objects.of(request.workspace), pk=bulk)
    if verbs.undo(row, request.user):
        audit.record(request, request.workspace, "contacts.bulk_undone", verbs.title(row))
        tasks.wake(tasks.run_bulk, row.job_id)
    return redirect("contacts:bulk_result", row.pk)


@requires(Can.WRITE_CONTACTS)
def export(request: Any) -> StreamingHttpResponse:
    """Everybody who matches, as a file. `?plain=1`: for programs, without the guard against formulas."""
    wanted, guarded = Filter.of(request.GET), request.GET.get("plain") != "1"
    audit.record(request, request.workspace, "contacts.exported", "", filter=wanted.stored())
    lines = exporting.people(request.workspace, search.find(request.workspace, wanted), guarded=guarded)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="people-{timezone.localdate():%Y-%m-%d}.csv"'
    return response


@requires(Can.WRITE_CONTACTS)
@require_POST
def sample_load(request: Any) -> HttpResponse:
    added = sample.load(request.workspace, request.user)
    audit.record(request, request.workspace, "contacts.sample_loaded", "", people=added)
    text = ngettext("%(n)s sample person is here.", "%(n)s sample people are here.", added) % {"n": added}
    messages.success(request, text)
    return redirect("contacts:list")


@requires(Can.WRITE_CONTACTS)
@require_POST
def sample_remove(request: Any) -> HttpResponse:
    removed = sample.remove(request.workspace)
    audit.record(request, request.workspace, "contacts.sample_removed", "", people=removed)
    text = ngettext("%(n)s sample person was removed.", "%(n)s sample people were removed.", removed) % {"n": removed}
    messages.success(request, text)
    return redirect("contacts:list")
