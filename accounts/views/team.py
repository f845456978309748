from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import audit
from accounts import team as verbs
from accounts.forms import InviteForm, RoleForm
from accounts.models import Membership, Role
from accounts.roles import SENTENCES, Can, WorkspaceRequest, allows, requires


@never_cache
@requires(Can.VIEW, post=Can.MANAGE_WORKSPACE)
def team(request: Any) -> HttpResponse:
    """Members and open invitations. The link of a new invitation is shown here once: we keep only its hash."""
    form = InviteForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _page(request, form=form)
    try:
        invitation, token = verbs.invite(request.workspace, by=request.user, **form.cleaned_data)
    except verbs.AlreadyMember:
        form.add_error("email", _("This person is a member already."))
        return _page(request, form=form)
    audit.record(request, request.workspace, "member.invited", invitation, role=invitation.role)
    mailed = verbs.mail_invitation(invitation, token)
    return _page(request, form=InviteForm(), invited=invitation, link=verbs.link_of(token), mailed=mailed)


def _page(request: Any, *, form: InviteForm, **more: Any) -> HttpResponse:
    members = request.workspace.memberships.select_related("user").order_by("created_at", "pk")
    context = {
        "form": form,
        "members": members,
        "invitations": verbs.open_invitations(request.workspace),
        "roles": Role.choices,
        "matrix": [(words, [allows(role, can) for role in Role]) for can, words in SENTENCES.items()],
        **more,
    }
    return render(request, "accounts/team.html", context, status=422 if form.errors else 200)


def _member(request: WorkspaceRequest, pk: int) -> Membership:
    return get_object_or_404(request.workspace.memberships.select_related("user"), pk=pk)


@requires(Can.MANAGE_WORKSPACE)
@require_POST
def role(request: Any, member: int) -> HttpResponse:
    membership, form = _member(request, member), RoleForm(request.POST)
    if form.is_valid() and form.cleaned_data["role"] != membership.role:
        new = form.cleaned_data["role"]
        try:
            verbs.change_role(membership, new)
        except verbs.LastAdmin:
            messages.error(request, _last_admin(membership))
            return redirect("accounts:team")
        audit.record(request, request.workspace, "member.role", membership.user, before=membership.role, after=new)
        messages.success(request, _("%(name)s is now %(role)s.") % {"name": membership.user, "role": Role(new).label})
    return redirect("accounts:team")


@requires(Can.MANAGE_WORKSPACE)
@require_POST
def remove(request: Any, member: int) -> HttpResponse:
    membership = _member(request, member)
    person = membership.user
    try:
        verbs.remove(membership)
    except verbs.LastAdmin:
        messages.error(request, _last_admin(membership))
        return redirect("accounts:team")
    audit.record(request, request.workspace, "member.removed", person)
    messages.success(request, _("%(name)s is no longer a member. What they made stays.") % {"name": person})
    return redirect("/" if person == request.user else "accounts:team")


@requires(Can.MANAGE_WORKSPACE)
@require_POST
def revoke(request: Any, invitation: int) -> HttpResponse:
    row = get_object_or_404(request.workspace.invitations, pk=invitation)
    if verbs.revoke(row):
        audit.record(request, request.workspace, "invitation.revoked", row)
        messages.success(request, _("The link for %(email)s no longer works.") % {"email": row.email})
    return redirect("accounts:team")


def _last_admin(membership: Membership) -> str:
    return _("%(name)s is the only admin. Nothing was changed: make somebody else an admin first.") % {
        "name": membership.user
    }
