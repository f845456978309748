from __future__ import annotations

from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts import audit
from accounts.forms import PasswordChangeForm, ProfileForm
from accounts.lockout import locked_out


@login_required
def profile(request: Any) -> HttpResponse:
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        user = form.save()
        with translation.override(user.language):
            messages.success(request, _("Saved."))
        return redirect("accounts:profile")
    context = {"form": form, "password_form": PasswordChangeForm(user=request.user)}
    return render(request, "accounts/profile.html", context, status=422 if form.is_bound else 200)


@login_required
@sensitive_post_parameters("old", "new")
def password(request: Any) -> HttpResponse:
    """Also ends every other session: Django's session hash contains the password's.

    A wrong current password counts as a failed sign-in: a stolen session is no way to guess it.
    """
    form = PasswordChangeForm(request.POST or None, user=request.user)
    if request.method != "POST":
        return redirect("accounts:profile")
    credentials = {"email": request.user.email}
    if not AxesProxyHandler.is_allowed(request, credentials):
        return locked_out(request, None, credentials)
    if not form.is_valid():
        if form.has_error("old", code="wrong"):
            AxesProxyHandler.user_login_failed(password, credentials, request)
        context = {"form": ProfileForm(instance=request.user), "password_form": form}
        return render(request, "accounts/profile.html", context, status=422)
    request.user.set_password(form.cleaned_data["new"])
    request.user.save(update_fields=["password"])
    update_session_auth_hash(request, request.user)
    audit.record(request, request.workspace, "user.password_changed", request.user)
    messages.success(request, _("Your password is changed. You are signed out everywhere else."))
    return redirect("accounts:profile")
