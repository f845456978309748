"""Contacts by HTTP: found, added, changed, put on lists, stopped, erased."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Schema, Status
from pydantic import AfterValidator, Field, WithJsonSchema

from accounts import audit
from accounts.api import ApiRequest, Body, Id, JsonObject, Key, Line, Page, Resource, Window, example, page, refuses
from accounts.api_keys import Scope
from accounts.problems import FieldError, Kind, Problem, invalid, of_form
from contacts import people, search, standing, subscriptions
from contacts.api.tags import Tags
from contacts.forms import NewPersonForm, NoteForm, PersonForm, StopForm
from contacts.models import Contact, List, Suppression

router = Resource(tags=["Contacts"])
State = Literal["", "mailable", "stopped", "unsubscribed", "complaint", "undeliverable", "manual", "no_list", "left"]
ListIds = Annotated[list[Id], Field(max_length=500)]
PLAIN = ("address", "first_name", "last_name", "language")


def _value(value: object) -> object:
    if value is not None and not isinstance(value, str | int | float | bool):
        raise ValueError(_("This must be text, a number, true, false or null."))
    return value


# One check in place of a union of types, each of which would tell its own error.
Value = Annotated[
    Any,
    AfterValidator(_value),
    WithJsonSchema({"anyOf": [{"type": kind} for kind in ("string", "number", "boolean", "null")]}),
]


class ContactChange(Body):
    """What is left out stays as it is; of `fields`, those that are named change, and null removes one."""

    model_config = example(first_name="Hanako", last_name="Yamada", tags=["VIP"], fields={"rank": "Gold", "points": 12})

    address: str = ""
    first_name: str = ""
    last_name: str = ""
    language: Literal["", "en", "ja"] = ""
    tags: Tags = []
    fields: dict[str, Value] = {}


class ContactIn(ContactChange):
    model_config = example(address="hanako@example.com", first_name="Hanako", lists=[1], statement="Asked at our shop")

    address: str
    lists: ListIds = []
    statement: str = Field("", description="Where the consent comes from; needed with lists")


class Membership(Schema):
    list: int
    state: Literal["subscribed", "unsubscribed"]
    changed_at: datetime


class ContactOut(Schema):
    id: int
    address: str
    first_name: str
    last_name: str
    language: str
    tags: list[str]
    fields: JsonObject
    lists: list[Membership]
    mailable: bool = Field(description="false: the address is stopped or on no list, `state` says which")
    state: str
    created_at: datetime
    updated_at: datetime


class Wanted(Schema):
    q: Annotated[Line, Field(max_length=200)] = ""
    list: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    tag: Annotated[Line, Field(max_length=200)] = ""
    state: State = ""


class Joining(Body):
    model_config = example(lists=[1], statement="Asked at our shop")

    lists: Annotated[list[Id], Field(min_length=1, max_length=500)]
    statement: str = Field(description="Where the consent comes from")


class Leaving(Body):
    model_config = example(lists=[1])

    lists: Annotated[list[Id], Field(min_length=1, max_length=500)]


class Stopping(Body):
    model_config = example(note="Asked by telephone")

    note: str = ""


class Releasing(Body):
    model_config = example(note="Asked by letter to get mail again")

    note: str = Field(description="How you know that mail may go there")


class Erasing(Body):
    model_config = example(address="hanako@example.com")

    address: str = Field(description="The person's address, so that nobody is erased by a wrong id")


class ContactChanged(ContactOut):
    changed: bool


def contact_of(request: ApiRequest, pk: int) -> Contact:
    return get_object_or_404(Contact.objects.of(request.workspace).filter(erased_at=None), pk=pk)


def shown(request: ApiRequest, contacts: list[Contact]) -> list[dict[str, Any]]:
    found = standing.of_many(request.workspace.pk, contacts)
    return [_shown(contact, found[contact.pk]) for contact in contacts]


def _shown(contact: Contact, found: standing.Standing) -> dict[str, Any]:
    rows = [
        {"list": row.list_id, "state": row.state, "changed_at": row.changed_at} for row in contact.subscriptions.all()
    ]
    return {**contact.__dict__, "lists": rows, "mailable": found.mailable, "state": found.state}


def _again(request: ApiRequest, pk: int, **more: Any) -> dict[str, Any]:
    return shown(request, [contact_of(request, pk)])[0] | more


@router.get("", auth=Key(Scope.READ), response=Page[ContactOut])
def list_contacts(request: ApiRequest, window: Query[Window], wanted: Query[Wanted]) -> Any:
    """Who matches, by words, list, tag and state."""
    found = search.find(request.workspace, search.Filter(**wanted.model_dump())).prefetch_related("subscriptions")
    rows = page(found, window)
    return {**rows, "items": shown(request, rows["items"])}


@router.post("", auth=Key(Scope.CONTACTS), response={201: ContactOut}, openapi_extra=refuses(Kind.CONFLICT))
def create_contact(request: ApiRequest, new: ContactIn) -> Any:
    """A new person. 409 where the address is here already."""
    form = NewPersonForm({**_typed(new), "lists": new.lists, "statement": new.statement}, workspace=request.workspace)
    _refuse(form, new)
    data = form.cleaned_data
    try:
        made = people.add(
            request.workspace,
            data["address"],
            _given(form, new),
            lists=data["lists"],
            statement=data["statement"],
            source="api",
        )
    except people.AlreadyThere as there:
        errors = [FieldError("address", _("Contact %(id)s has this address.") % {"id": there.contact.pk})]
        raise Problem(Kind.CONFLICT, _("This person is here already."), errors) from there
    audit.record(request, request.workspace, "contact.added", made)
    return Status(201, _again(request, made.pk))


@router.get("/{pk}", auth=Key(Scope.READ), response=ContactOut)
def read_contact(request: ApiRequest, pk: Id) -> Any:
    """Their values, their lists, and whether mail may go there."""
    return _again(request, pk)


@router.patch("/{pk}", auth=Key(Scope.CONTACTS), response=ContactChanged, openapi_extra=refuses(Kind.CONFLICT))
def change_contact(request: ApiRequest, pk: Id, change: ContactChange) -> Any:
    """409 where another person has the new address."""
    contact = contact_of(request, pk)
    form = PersonForm({"address": contact.address, **_typed(change)}, workspace=request.workspace)
    _refuse(form, change)
    try:
        moved = people.readdress(contact, form.cleaned_data["address"], source="api")
    except people.AlreadyThere as there:
        message = _("%(name)s has this address already.") % {"name": there.contact}
        raise Problem(Kind.CONFLICT, message, [FieldError("address", message)]) from there
    changed = people.change(contact, _given(form, change), source="api") or moved
    return _recorded(request, contact, changed, "contact.changed")


@router.post("/{pk}/subscribe", auth=Key(Scope.CONTACTS), response=ContactChanged)
def subscribe(request: ApiRequest, pk: Id, joining: Joining) -> Any:
    """Put on lists, with the consent. Who has left a list stays off it: only the person comes back."""
    contact, form = contact_of(request, pk), NoteForm({"note": joining.statement})
    if not form.is_valid():
        raise of_form(form, {"note": "statement"})
    lists, note = _lists(request, joining.lists), form.cleaned_data["note"]
    changed = subscriptions.subscribe(contact, lists, source="api", statement=note)
    return _recorded(request, contact, changed, "contact.changed", lists=joining.lists)


@router.post("/{pk}/unsubscribe", auth=Key(Scope.CONTACTS), response=ContactChanged)
def unsubscribe(request: ApiRequest, pk: Id, leaving: Leaving) -> Any:
    """Take off lists. Nobody but the person can take this back."""
    contact = contact_of(request, pk)
    changed = subscriptions.unsubscribe(contact, _lists(request, leaving.lists), source="api")
    return _recorded(request, contact, changed, "contact.changed", lists=leaving.lists)


@router.post("/{pk}/stop", auth=Key(Scope.CONTACTS), response=ContactChanged)
def stop_mail(request: ApiRequest, pk: Id, stopping: Stopping) -> Any:
    """No mail at all to this person from now on."""
    contact, form = contact_of(request, pk), StopForm(stopping.model_dump())
    if not form.is_valid():
        raise of_form(form)
    reason, note = Suppression.Reason.MANUAL, form.cleaned_data["note"]
    changed = subscriptions.suppress(request.workspace, contact.address_key, reason, source="api", note=note)
    return _recorded(request, contact, changed, "contact.stopped", note=note)


@router.post("/{pk}/release", auth=Key(Scope.SETTINGS), response=ContactChanged)
def release_mail(request: ApiRequest, pk: Id, releasing: Releasing) -> Any:
    """Let mail go there again. What the person did (left, complained) only they take back."""
    contact, form = contact_of(request, pk), NoteForm(releasing.model_dump())
    if not form.is_valid():
        raise of_form(form)
    note = form.cleaned_data["note"]
    changed = subscriptions.release(request.workspace, contact.address_key, note=note, source="api")
    return _recorded(request, contact, changed, "suppression.released", note=note)


@router.post("/{pk}/erase", auth=Key(Scope.CONTACTS), response={204: None})
def erase_contact(request: ApiRequest, pk: Id, erasing: Erasing) -> Any:
    """Forget the person: values, lists, history. Only the stopped address stays. Nothing brings it back."""
    contact = contact_of(request, pk)
    if erasing.address.strip() != contact.address:
        raise invalid("address", _("Nothing was erased: this contact has a different address."))
    people.erase(contact, source="api")
    audit.record(request, request.workspace, "contact.erased", f"#{contact.pk}")
    return Status(204, None)


def _recorded(request: ApiRequest, contact: Contact, changed: bool, action: str, **data: Any) -> dict[str, Any]:
    if changed:
        audit.record(request, request.workspace, action, contact, **data)
    return _again(request, contact.pk, changed=changed)


def _lists(request: ApiRequest, ids: list[int]) -> list[List]:
    found = List.objects.of(request.workspace).in_bulk(ids)
    for place, pk in enumerate(ids):
        if pk not in found:
            raise invalid(f"lists.{place}", _("There is no such list."))
    return list(found.values())


def _typed(given: ContactChange) -> dict[str, Any]:
    """As a person would type it into the form of the page."""
    sent = {name: getattr(given, name) for name in PLAIN if name in given.model_fields_set}
    return sent | {"tags": ", ".join(given.tags)} | {f"field_{key}": _text(v) for key, v in given.fields.items()}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _refuse(form: PersonForm, given: ContactChange) -> None:
    """Raises Problem for what cannot be taken, and for fields that there are not."""
    known = {field.key for field in form.custom}
    unknown = [FieldError(f"fields.{key}", _("There is no such field.")) for key in given.fields if key not in known]
    if not form.is_valid():
        raise of_form(form, {f"field_{key}": f"fields.{key}" for key in known})
    if unknown:
        raise Problem(Kind.INVALID, _("Nothing was changed."), unknown)


def _given(form: PersonForm, given: ContactChange) -> dict[str, Any]:
    """Of the form's values those that were sent, by the names the history uses."""
    sent = given.model_fields_set | {f"fields.{key}" for key in given.fields}
    return {name: value for name, value in form.values().items() if name in sent}
