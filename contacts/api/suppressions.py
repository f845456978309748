"""Stopped addresses by HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Schema, Status
from pydantic import Field

from accounts import audit
from accounts.api import ApiRequest, Body, Id, Key, Line, Page, Resource, Window, example, page, refuses
from accounts.api_keys import Scope
from accounts.problems import Kind, Problem, of_form
from contacts import standing, subscriptions
from contacts.addresses import key_of
from contacts.forms import NoteForm, SuppressionForm
from contacts.models import Suppression

router = Resource(tags=["Suppressions"])
Reason = Literal[
    "unsubscribed", "complaint", "no_such_user", "inactive", "refused", "full", "manual", "erased"
]  # Suppression.Reason


class SuppressionIn(Body):
    model_config = example(address="gone@example.com", reason="no_such_user", note="From our old system")

    address: str
    reason: Literal["manual", "unsubscribed", "complaint", "no_such_user"] = "manual"
    note: str = ""


class SuppressionOut(Schema):
    id: int
    address: str = Field(alias="address_key", description="In the form that addresses are compared by")
    reason: str
    source: str
    note: str
    created_at: datetime
    released_at: datetime | None
    can_be_lifted_by: Literal["person", "team", "proof"]

    @staticmethod
    def resolve_can_be_lifted_by(row: Suppression) -> str:
        return standing.remedy_of(row.reason)


class ReleaseIn(Body):
    model_config = example(note="The mailbox exists again")

    note: str = Field(description="How you know that mail may go there")


@router.get("", auth=Key(Scope.READ), response=Page[SuppressionOut])
def list_suppressions(
    request: ApiRequest,
    window: Query[Window],
    reason: Reason | None = None,
    address: Annotated[Line, Field(max_length=320)] = "",
) -> Any:
    """Those in force: all, by reason, or that of one address."""
    rows = Suppression.objects.of(request.workspace).active()
    rows = rows.filter(reason=reason) if reason else rows
    return page(rows.filter(address_key=key_of(address) or address) if address else rows, window)


@router.post("", auth=Key(Scope.SETTINGS), response={201: SuppressionOut, 200: SuppressionOut})
def add_suppression(request: ApiRequest, new: SuppressionIn) -> Any:
    """Stop all mail to an address. 200 where it was stopped already, for this or a graver reason."""
    form = SuppressionForm(new.model_dump())
    if not form.is_valid():
        raise of_form(form)
    key, note = form.cleaned_data["address"].key, form.cleaned_data["note"]
    stopped = subscriptions.suppress(request.workspace, key, new.reason, source="api", note=note)
    if stopped:
        audit.record(request, request.workspace, "suppression.added", key, reason=new.reason)
    row = Suppression.objects.of(request.workspace).active().get(address_key=key)
    return Status(201 if stopped else 200, row)


@router.post("/{pk}/release", auth=Key(Scope.SETTINGS), response=SuppressionOut, openapi_extra=refuses(Kind.CONFLICT))
def release_suppression(request: ApiRequest, pk: Id, release: ReleaseIn) -> Any:
    """Let mail go there again. What the person did (left, complained) only they take back."""
    row = get_object_or_404(Suppression.objects.of(request.workspace), pk=pk)
    form = NoteForm(release.model_dump())
    if not form.is_valid():
        raise of_form(form)
    note = form.cleaned_data["note"]
    if row.released_at or not subscriptions.release(request.workspace, row.address_key, note=note, source="api"):
        raise Problem(Kind.CONFLICT, _("Nothing was released: only the person can take this back."))
    audit.record(request, request.workspace, "suppression.released", row.address_key, reason=row.reason)
    row.refresh_from_db()
    return row
