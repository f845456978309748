"""Sending domains and From addresses by HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Schema, Status
from pydantic import Field

from accounts import audit
from accounts.api import ApiRequest, Body, Id, Key, Page, Resource, Window, example, page, refuses
from accounts.api_keys import Scope
from accounts.problems import Kind, Problem, invalid, of_form
from delivery import domain_checks, domains
from delivery.api.limits import LimitsChange, LimitsOut, limit_form
from delivery.forms import DomainForm, FromAddressForm
from delivery.models import FromAddress, Limit, SendingDomain

router = Resource(tags=["Sending domains"])
from_addresses = Resource(tags=["Sending domains"])


class DomainIn(Body):
    model_config = example(name="news.example.com")

    name: str = Field(max_length=253)


class DomainLine(Schema):
    id: int
    name: str
    sandbox: bool = Field(description="Only the sandbox route takes it: its mail never leaves")
    verified_at: datetime | None
    live: bool
    checked_at: datetime | None


class RecordOut(Schema):
    """One DNS record to publish, and what the last look found instead."""

    key: str
    type: str
    host: str
    value: str
    required: bool
    status: Literal["ok", "missing", "different", "unchecked"]
    found: list[str]
    notes: dict[str, str] = Field(
        description="What is the matter with it beyond its words: spf_lookups, spf_void, spf_broken, null_mx, "
        "dmarc_removed, dmarc_above, each with the number or name it is about"
    )


class DomainOut(DomainLine):
    return_path_host: str
    tracking_host: str
    tracking_live_at: datetime | None = Field(description="Since when links of new mail begin with the tracking host")
    tracking_https: Literal["ok", "certificate", "unreachable", "stranger"] | None = Field(
        description="What answered at the tracking host, where its CNAME is right"
    )
    records: list[RecordOut]
    limits: LimitsOut

    @staticmethod
    def resolve_tracking_https(domain: SendingDomain) -> Any:
        return domain.checks.get("tracking", {}).get("https")

    @staticmethod
    def resolve_records(domain: SendingDomain) -> list[dict[str, Any]]:
        return [
            {**vars(row.record), "status": row.status, "found": row.found, "notes": row.notes}
            for row in domains.rows(domain)
        ]

    @staticmethod
    def resolve_limits(domain: SendingDomain) -> Limit:
        return domains.limit_of(domain)


class LiveIn(Body):
    model_config = example(live=True)

    live: bool


class FromAddressIn(Body):
    model_config = example(name="Tea shop", local_part="tea", reply_to="shop@example.com")

    name: str
    local_part: str = Field(description="What stands before the @")
    reply_to: str = ""


class FromAddressOut(Schema):
    id: int
    name: str
    address: str
    reply_to: str
    sending_domain: int = Field(alias="sending_domain_id")


def domain_of(request: ApiRequest, pk: int) -> SendingDomain:
    return get_object_or_404(SendingDomain.objects.of(request.workspace).select_related("workspace"), pk=pk)


@router.get("", auth=Key(Scope.READ), response=Page[DomainLine])
def list_domains(request: ApiRequest, window: Query[Window]) -> Any:
    """With their state; the DNS records are those of one domain."""
    return page(SendingDomain.objects.of(request.workspace), window)


@router.post("", auth=Key(Scope.SETTINGS), response={201: DomainOut, 200: DomainOut})
def add_domain(request: ApiRequest, new: DomainIn) -> Any:
    """A domain, with a DKIM key made for it. 200 where it is here already."""
    form = DomainForm(new.model_dump())
    if not form.is_valid():
        raise of_form(form)
    name = form.cleaned_data["name"]
    there = SendingDomain.objects.of(request.workspace).filter(name=name).exists()
    try:
        return Status(200 if there else 201, domains.add(request.workspace, name, actor=request))
    except domains.Taken as error:
        raise invalid("name", _("Another workspace of this install has verified this domain.")) from error


@router.get("/{pk}", auth=Key(Scope.READ), response=DomainOut)
def read_domain(request: ApiRequest, pk: Id) -> Any:
    """Its DNS records, and what was found when they were looked up last."""
    return domain_of(request, pk)


@router.patch("/{pk}", auth=Key(Scope.SETTINGS), response=DomainOut)
def change_domain(request: ApiRequest, pk: Id, change: LimitsChange) -> Any:
    """What may leave from it, over all routes together."""
    domain = domain_of(request, pk)
    domains.limit(limit_form(domains.limit_of(domain), change.limits), actor=request)
    return domain


@router.post("/{pk}/check", auth=Key(Scope.SETTINGS), response=DomainOut)
def check_domain(request: ApiRequest, pk: Id) -> Any:
    """Look the records up now. When all required ones are right, the domain is verified."""
    domain = domain_of(request, pk)
    domain_checks.check(domain)
    return domain


@router.post("/{pk}/dkim-key", auth=Key(Scope.SETTINGS), response=DomainOut, openapi_extra=refuses(Kind.CONFLICT))
def renew_key(request: ApiRequest, pk: Id) -> Any:
    """A new DKIM key. It signs once its record (`dkim_next`) is seen; `dkim_former` stays for a week."""
    domain = domain_of(request, pk)
    if not domains.renew_key(domain, actor=request):
        raise Problem(Kind.CONFLICT, _("Nothing was changed: a key of this domain still waits for its record."))
    return domain


@router.put("/{pk}/live", auth=Key(Scope.SETTINGS), response=DomainOut, openapi_extra=refuses(Kind.CONFLICT))
def switch_live(request: ApiRequest, pk: Id, switch: LiveIn) -> Any:
    """Whether mail of this domain may leave this server."""
    domain = domain_of(request, pk)
    if not switch.live:
        domains.leave_live(domain, actor=request)
        return domain_of(request, pk)
    try:
        domains.go_live(domain, by=None, actor=request)
    except domains.CannotGoLive as why:
        raise Problem(Kind.CONFLICT, str(domains.WHY_NOT_LIVE[str(why)])) from why
    return domain_of(request, pk)


@router.delete("/{pk}", auth=Key(Scope.SETTINGS), response={204: None}, openapi_extra=refuses(Kind.CONFLICT))
def remove_domain(request: ApiRequest, pk: Id) -> Any:
    """Only while no mail was sent from it."""
    if not domains.remove(domain_of(request, pk), actor=request):
        raise Problem(Kind.CONFLICT, _("Mail was sent from this domain, so it stays with its reports."))
    return Status(204, None)


@router.post("/{pk}/from-addresses", auth=Key(Scope.SETTINGS), response={201: FromAddressOut})
def add_address(request: ApiRequest, pk: Id, new: FromAddressIn) -> Any:
    """A name and an address to send as."""
    domain = domain_of(request, pk)
    form = FromAddressForm(new.model_dump(), domain=domain)
    if not form.is_valid():
        raise of_form(form)
    form.instance.workspace, form.instance.sending_domain = request.workspace, domain
    audit.record(request, request.workspace, "from_address.added", form.save())
    return Status(201, form.instance)


@from_addresses.get("", auth=Key(Scope.READ), response=Page[FromAddressOut])
def list_addresses(request: ApiRequest, window: Query[Window]) -> Any:
    """The ids that a campaign's `from_address` takes."""
    return page(FromAddress.objects.of(request.workspace).select_related("sending_domain"), window)


@from_addresses.delete("/{pk}", auth=Key(Scope.SETTINGS), response={204: None}, openapi_extra=refuses(Kind.CONFLICT))
def remove_address(request: ApiRequest, pk: Id) -> Any:
    """Only while no mail was sent from it."""
    address = get_object_or_404(FromAddress.objects.of(request.workspace).select_related("workspace"), pk=pk)
    if not domains.remove_address(address, actor=request):
        raise Problem(Kind.CONFLICT, _("Mail was sent from this address, so it stays."))
    return Status(204, None)
