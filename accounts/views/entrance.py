"""Coming in: sign-in, and joining by invitation."""

from __future__ import annotations

from typing import Any

from allauth.account import views as allauth
from django.contrib.auth import login as sign_in
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from accounts import audit, team
from accounts.forms import JoinForm
from accounts.middleware import SESSION_KEY
from accounts.models import Invitation, Membership, User

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"

login = allauth.LoginView.as_view(template_name="accounts/sign_in.html")
login.leads_to_setup = True
signup = allauth.SignupView.as_view(template_name_signup_closed="accounts/signup_closed.html")
inactive = allauth.AccountInactiveView.as_view(template_name="accounts/inactive.html")


@never_cache
@sensitive_post_parameters("password")
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Whoever holds the link becomes a member: with the account of the invited address, or a new one."""
    try:
        invitation = team.find_invitation(token)
        if User.objects.filter(email=invitation.email).exists():
            return _join_as_member(request, invitation)
        return _join_as_new_person(request, invitation)
    except team.InvitationGone:
        return render(request, "accounts/invitation_gone.html", status=404)


def _join_as_member(request: Any, invitation: Invitation) -> HttpResponse:
    """The account must be open before the invitation is taken: a link alone never signs anybody in."""
    right_person = request.user.is_authenticated and request.user.email == invitation.email
    if request.method != "POST" or not right_person:
        return render(request, "accounts/join_member.html", {"invitation": invitation, "right_person": right_person})
    membership = team.accept(invitation, request.user)
    return _enter(request, membership)


def _join_as_new_person(request: Any, invitation: Invitation) -> HttpResponse:
    form = JoinForm(request.POST or None, email=invitation.email)
    if request.method != "POST" or not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "accounts/join.html", {"invitation": invitation, "form": form}, status=status)
    membership = team.accept_as_new_person(
        invitation,
        name=form.cleaned_data["name"],
        password=form.cleaned_data["password"],
        language=get_language() or "en",
    )
    sign_in(request, membership.user, backend=BACKEND)
    return _enter(request, membership)


def _enter(request: Any, membership: Membership) -> HttpResponse:
    request.session[SESSION_KEY] = membership.workspace_id
    audit.record(membership.user, membership.workspace, "member.joined", membership.user, role=membership.role)
    return redirect("/")
