"""The page of one person."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts import audit
from accounts.roles import Can, requires
from contacts import people, standing, subscriptions, timeline
from contacts.forms import NoteForm, PersonForm, StopForm
from contacts.models import Contact, Field, List, Suppression

EVENTS = 20


def _person(request: Any, pk: int) -> Contact:
    return get_object_or_404(Contact.objects.of(request.workspace).select_related("workspace"), pk=pk)


@requires(Can.VIEW)
def contact(request: Any, contact: int) -> HttpResponse:
    """Everything about one person; htmx asks for more of the timeline only."""
    person = _person(request, contact)
    before, kind = _moment(request.GET.get("before", "")), request.GET.get("kind", "")
    events = timeline.events(person, before=before, kind=kind, limit=EVENTS + 1)
    context: dict[str, Any] = {
        "contact": person,
        "events": events[:EVENTS],
        "more": events[EVENTS - 1].at.isoformat() if len(events) > EVENTS else "",
        "kind": kind if kind in timeline.KINDS else "",
        "kinds": timeline.KINDS.items(),
        "section": "people",
    }
    if request.htmx:
        return render(request, "contacts/_events.html", context)
    return render(request, "contacts/contact.html", context | _facts(person))


def _facts(person: Contact) -> dict[str, Any]:
    fields = Field.objects.of(person.workspace_id).order_by("pk")
    rows = person.subscriptions.select_related("list").order_by("list__name")
    taken = [row.list_id for row in rows]
    return {
        "standing": standing.of_one(person),
        "earlier": standing.earlier(person),
        "fields": [(field.label, field.kind, person.fields.get(field.key)) for field in fields],
        "subscriptions": rows,
        "other_lists": List.objects.of(person.workspace_id).exclude(pk__in=taken).order_by("name"),
        "stop_form": StopForm(),
        "release_form": NoteForm(),
    }


def _moment(text: str) -> dt.datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found and found.tzinfo else None


@requires(Can.WRITE_CONTACTS)
def edit(request: Any, contact: int) -> HttpResponse:
    person = _person(request, contact)
    if person.erased_at:
        return redirect("contacts:contact", person.pk)
    form = PersonForm(request.POST or None, workspace=request.workspace, initial=_initial(person))
    if request.method == "POST" and form.is_valid() and _save(request, person, form):
        return redirect("contacts:contact", person.pk)
    context = {"contact": person, "form": form, "standing": standing.of_one(person), "section": "people"}
    return render(request, "contacts/edit.html", context, status=422 if form.errors else 200)


def _initial(person: Contact) -> dict[str, Any]:
    plain = {name: getattr(person, name) for name in ("address", "first_name", "last_name", "language", "tags")}
    words = {True: "yes", False: "no"}
    custom = {key: words[value] if isinstance(value, bool) else value for key, value in person.fields.items()}
    return plain | {f"field_{key}": value for key, value in custom.items()}


def _save(request: Any, person: Contact, form: PersonForm) -> bool:
    try:
        moved = people.readdress(person, form.cleaned_data["address"], actor=request.user)
    except people.AlreadyThere as there:
        form.add_error("address", _("%(name)s has this address already.") % {"name": there.contact})
        return False
    if people.change(person, form.values(), actor=request.user) or moved:
        audit.record(request, request.workspace, "contact.changed", person)
        messages.success(request, _("Saved."))
    return True


@requires(Can.WRITE_CONTACTS)
@require_POST
def join(request: Any, contact: int) -> HttpResponse:
    """Put the person on a list; who left it stays off."""
    person = _person(request, contact)
    row = get_object_or_404(List.objects.of(request.workspace), pk=_number(request.POST.get("list", "")))
    form = NoteForm(request.POST)
    form.fields["note"].error_messages["required"] = _("Say where the consent comes from.")
    if person.erased_at or not form.is_valid():
        return _refused(request, person, form)
    note = form.cleaned_data["note"]
    if subscriptions.subscribe(person, [row], source="page", actor=request.user, statement=note):
        audit.record(request, request.workspace, "contact.changed", person, list=row.name)
    return redirect("contacts:contact", person.pk)


@requires(Can.WRITE_CONTACTS)
@require_POST
def leave(request: Any, contact: int) -> HttpResponse:
    person = _person(request, contact)
    row = get_object_or_404(List.objects.of(request.workspace), pk=_number(request.POST.get("list", "")))
    if subscriptions.unsubscribe(person, [row], source="page", actor=request.user):
        audit.record(request, request.workspace, "contact.changed", person, list=row.name)
        words = {"name": person, "list": row.name}
        messages.success(request, _("%(name)s no longer gets “%(list)s”. Only they can come back to it.") % words)
    return redirect("contacts:contact", person.pk)


@requires(Can.WRITE_CONTACTS)
@require_POST
def stop(request: Any, contact: int) -> HttpResponse:
    """No mail to this person from now on. What is on the way cannot be called back."""
    person, form = _person(request, contact), StopForm(request.POST)
    if person.erased_at or not form.is_valid():
        return _refused(request, person, form)
    note, reason = form.cleaned_data["note"], Suppression.Reason.MANUAL
    stopped = subscriptions.suppress(
        request.workspace, person.address_key, reason, source="page", note=note, actor=request.user
    )
    if stopped:
        audit.record(request, request.workspace, "contact.stopped", person, note=note)
        messages.success(request, _("No mail goes to %(name)s any more.") % {"name": person})
    return redirect("contacts:contact", person.pk)


@requires(Can.WRITE_CONTACTS)
@require_POST
def erase(request: Any, contact: int) -> HttpResponse:
    """Forget the person; the address must be typed, since nothing brings it back."""
    person = _person(request, contact)
    if request.POST.get("typed", "").strip() != person.address or person.erased_at:
        messages.error(request, _("Nothing was erased: the address you typed is a different one."))
        return redirect("contacts:contact", person.pk)
    people.erase(person, actor=request.user)
    audit.record(request, request.workspace, "contact.erased", f"#{person.pk}")
    messages.success(request, _("The person is erased. Only the stopped address stays."))
    return redirect("contacts:contact", person.pk)


def _refused(request: Any, person: Contact, form: NoteForm | StopForm) -> HttpResponse:
    """Back to the person with what is wrong with the note; nobody does anything for an erased one."""
    for why in form.errors.get("note", []):
        messages.error(request, _("Nothing was changed: %(why)s") % {"why": why})
    return redirect("contacts:contact", person.pk)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
