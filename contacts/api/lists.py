"""Lists and custom fields by HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Schema, Status
from pydantic import Field as Described

from accounts import audit
from accounts.api import ApiRequest, Body, Id, Key, Line, Page, Resource, Window, example, page
from accounts.api_keys import Scope
from accounts.problems import invalid, of_form
from contacts import counts, custom_fields
from contacts import lists as verbs
from contacts.forms import FieldForm, ListForm
from contacts.models import Field, List

router = Resource(tags=["Lists"])
fields = Resource(tags=["Contacts"])


class ListChange(Body):
    """What is left out stays as it is."""

    model_config = example(
        name="Tea letter", public_name="Tea, every month", description="New teas and recipes.", public=True
    )

    name: str = ""
    public_name: str = Described("", description="What readers see; empty: the name")
    description: str = ""
    public: bool = Described(True, description="Readers find it on their preferences page")


class ListIn(ListChange):
    name: str


class ListOut(Schema):
    id: int
    name: str
    public_name: str
    description: str
    public: bool
    subscribed: int
    unsubscribed: int
    created_at: datetime


class FieldIn(Body):
    model_config = example(label="Rank", kind="choice", choices=["Gold", "Silver"])

    label: str
    kind: Literal["text", "number", "date", "boolean", "choice"] = "text"
    choices: Annotated[list[Line], Described(max_length=500)] = []


class FieldOut(Schema):
    id: int
    key: str = Described(description="Its name in letters, contact.<key>, and in a contact's `fields`")
    label: str
    kind: str
    choices: list[str]


def list_of(request: ApiRequest, pk: int) -> List:
    return get_object_or_404(List.objects.of(request.workspace), pk=pk)


def _shown(request: ApiRequest, rows: list[List]) -> list[dict[str, Any]]:
    members = counts.members(request.workspace, [row.pk for row in rows])
    return [{**row.__dict__, **vars(members[row.pk])} for row in rows]


@router.get("", auth=Key(Scope.READ), response=Page[ListOut])
def list_lists(request: ApiRequest, window: Query[Window]) -> Any:
    """With how many people are on each, and how many have left it."""
    found = page(List.objects.of(request.workspace), window)
    return {**found, "items": _shown(request, found["items"])}


@router.post("", auth=Key(Scope.CONTACTS), response={201: ListOut})
def create_list(request: ApiRequest, new: ListIn) -> Any:
    """A list with nobody on it."""
    form = ListForm(new.model_dump(), instance=List(workspace=request.workspace))
    if not form.is_valid():
        raise of_form(form)
    made = verbs.create(request.workspace, **form.cleaned_data)
    audit.record(request, request.workspace, "list.created", made)
    made.refresh_from_db()
    return Status(201, _shown(request, [made])[0])


@router.get("/{pk}", auth=Key(Scope.READ), response=ListOut)
def read_list(request: ApiRequest, pk: Id) -> Any:
    """One list, with how many people are on it."""
    return _shown(request, [list_of(request, pk)])[0]


@router.patch("/{pk}", auth=Key(Scope.CONTACTS), response=ListOut)
def change_list(request: ApiRequest, pk: Id, change: ListChange) -> Any:
    """Its names, what readers see of it, and whether they may choose it."""
    row = list_of(request, pk)
    stored = {name: getattr(row, name) for name in ListForm.Meta.fields}
    form = ListForm(stored | change.model_dump(exclude_unset=True), instance=row)
    if not form.is_valid():
        raise of_form(form)
    form.save()
    audit.record(request, request.workspace, "list.changed", row)
    return _shown(request, [row])[0]


@router.delete("/{pk}", auth=Key(Scope.CONTACTS), response={204: None})
def delete_list(request: ApiRequest, pk: Id, name: str = "") -> Any:
    """Its people stay; who was on it, or had left it, is forgotten. Where somebody was, `name` must be its name."""
    row = list_of(request, pk)
    if verbs.is_used(row) and name.strip() != row.name:
        raise invalid("name", _("People are on this list, or have left it: repeat its name to delete it."))
    audit.record(request, request.workspace, "list.deleted", row)
    row.delete()
    return Status(204, None)


@fields.get("", auth=Key(Scope.READ), response=Page[FieldOut])
def list_fields(request: ApiRequest, window: Query[Window]) -> Any:
    """The workspace's own fields of contacts."""
    return page(Field.objects.of(request.workspace), window)


@fields.post("", auth=Key(Scope.CONTACTS), response={201: FieldOut})
def create_field(request: ApiRequest, new: FieldIn) -> Any:
    """Its kind stays once it is made; `choices` are for the kind “choice”."""
    form = FieldForm({"label": new.label, "kind": new.kind, "choices": "\n".join(new.choices)})
    if not form.is_valid():
        raise of_form(form)
    data = form.cleaned_data
    made = custom_fields.create(request.workspace, data["label"], data["kind"], data["choices"])
    audit.record(request, request.workspace, "field.created", made, kind=made.kind)
    return Status(201, made)
