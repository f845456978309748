from __future__ import annotations

from typing import Any

from django.contrib.auth import login as sign_in
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from accounts import setup as first_run
from accounts.forms import FirstWorkspaceForm, OwnerForm
from accounts.models import User
from accounts.views.entrance import BACKEND


@never_cache
@sensitive_post_parameters("password")
def setup(request: Any) -> HttpResponse:
    """Owner, then organisation; each is saved, and a visit in between goes on where it stopped."""
    try:
        if first_run.needs_owner():
            return _owner(request)
        if first_run.needs_workspace():
            return _organisation(request)
    except first_run.AlreadySetUp:
        pass
    return render(request, "accounts/setup_done.html", status=403)


def _owner(request: Any) -> HttpResponse:
    form = OwnerForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _page(request, "accounts/setup_owner.html", form)
    data = form.cleaned_data
    user = first_run.create_owner(
        name=data["name"], email=data["email"], password=data["password"], language=get_language() or "en"
    )
    sign_in(request, user, backend=BACKEND)
    return redirect("accounts:setup")


def _organisation(request: Any) -> HttpResponse:
    """For the owner only: between the steps the address is open to everybody."""
    if not request.user.is_authenticated:
        return redirect("account_login")
    if not request.user.is_install_admin:
        raise first_run.AlreadySetUp
    language = get_language() or "en"
    initial = {"language": language, "time_zone": "Asia/Tokyo" if language == "ja" else "UTC"}
    form = FirstWorkspaceForm(request.POST or None, initial=initial)
    if request.method != "POST" or not form.is_valid():
        return _page(request, "accounts/setup_organisation.html", form)
    workspace = first_run.create_first_workspace(
        form.save(commit=False), by=request.user, sample_data=form.cleaned_data["sample_data"]
    )
    User.objects.filter(pk=request.user.pk).update(time_zone=workspace.time_zone)
    return redirect("/")


def _page(request: Any, template: str, form: Any) -> HttpResponse:
    context = {"form": form, "checks": first_run.checks()}
    return render(request, template, context, status=422 if form.is_bound else 200)
