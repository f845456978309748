"""Lists and custom fields."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts import audit
from accounts.roles import Can, requires
from contacts import counts, custom_fields
from contacts import lists as verbs
from contacts.forms import FieldForm, ListForm
from contacts.models import Field, List


@requires(Can.VIEW, post=Can.WRITE_CONTACTS)
def lists(request: Any) -> HttpResponse:
    """Every list with its members; a new one below."""
    form = ListForm(request.POST or None, instance=List(workspace=request.workspace), initial={"public": True})
    if request.method == "POST" and form.is_valid():
        made = verbs.create(request.workspace, **form.cleaned_data)
        audit.record(request, request.workspace, "list.created", made)
        return redirect("contacts:lists")
    rows = list(List.objects.of(request.workspace).order_by("name"))
    members = counts.members(request.workspace, [row.pk for row in rows])
    context = {"rows": [(row, members[row.pk]) for row in rows], "form": form, "section": "lists"}
    return render(request, "contacts/lists.html", context, status=422 if form.errors else 200)


@requires(Can.VIEW, post=Can.WRITE_CONTACTS)
def one_list(request: Any, pk: int) -> HttpResponse:
    row = get_object_or_404(List.objects.of(request.workspace), pk=pk)
    form = ListForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        form.save()
        audit.record(request, request.workspace, "list.changed", row)
        messages.success(request, _("Saved."))
        return redirect("contacts:lists")
    members = counts.members(request.workspace, [row.pk])[row.pk]
    context = {"list": row, "members": members, "form": form, "used": verbs.is_used(row), "section": "lists"}
    return render(request, "contacts/one_list.html", context, status=422 if form.errors else 200)


@requires(Can.WRITE_CONTACTS)
@require_POST
def list_delete(request: Any, pk: int) -> HttpResponse:
    """Its people stay; who was on it, or had left it, is forgotten with it."""
    row = get_object_or_404(List.objects.of(request.workspace), pk=pk)
    if verbs.is_used(row) and request.POST.get("typed", "").strip() != row.name:
        messages.error(request, _("Nothing was deleted: the name you typed is a different one."))
        return redirect("contacts:one_list", row.pk)
    audit.record(request, request.workspace, "list.deleted", row)
    row.delete()
    messages.success(request, _("“%(name)s” is deleted. Its people are still here.") % {"name": row.name})
    return redirect("contacts:lists")


@requires(Can.VIEW, post=Can.WRITE_CONTACTS)
def fields(request: Any) -> HttpResponse:
    form = FieldForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        made = custom_fields.create(request.workspace, data["label"], data["kind"], data["choices"])
        audit.record(request, request.workspace, "field.created", made, kind=made.kind)
        return redirect("contacts:fields")
    rows = Field.objects.of(request.workspace).order_by("pk")
    context = {"rows": rows, "form": form, "section": "fields"}
    return render(request, "contacts/fields.html", context, status=422 if form.errors else 200)


@requires(Can.VIEW, post=Can.WRITE_CONTACTS)
def field(request: Any, field: int) -> HttpResponse:
    row = get_object_or_404(Field.objects.of(request.workspace), pk=field)
    form = FieldForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        row.choices = form.cleaned_data["choices"]
        form.save()
        audit.record(request, request.workspace, "field.changed", row)
        return redirect("contacts:fields")
    context = {"field": row, "form": form, "used": custom_fields.has_values(row), "section": "fields"}
    return render(request, "contacts/field.html", context, status=422 if form.errors else 200)


@requires(Can.WRITE_CONTACTS)
@require_POST
def field_delete(request: Any, field: int) -> HttpResponse:
    """The field goes; values that people have stay with them, and show again if a field of this kind gets its name."""
    row = get_object_or_404(Field.objects.of(request.workspace), pk=field)
    audit.record(request, request.workspace, "field.deleted", row)
    row.delete()
    messages.success(request, _("The field “%(name)s” is deleted.") % {"name": row.label})
    return redirect("contacts:fields")
