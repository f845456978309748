"""Who is in a workspace: members, their roles, invitations by link."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation

from accounts.models import Invitation, Membership, Role, User, Workspace

INVITATION_LASTS = dt.timedelta(days=7)


class LastAdmin(Exception):
    """A workspace without an admin could never get one again."""


class AlreadyMember(Exception):
    """This person is in the workspace."""


class InvitationGone(Exception):
    """Used, revoked or expired, or never existed."""


def open_invitations(workspace: Workspace, now: dt.datetime | None = None) -> QuerySet[Invitation]:
    return workspace.invitations.filter(
        accepted_at=None, revoked_at=None, expires_at__gt=now or timezone.now()
    ).order_by("-pk")


@transaction.atomic
def invite(workspace: Workspace, *, email: str, role: Role | str, by: User) -> tuple[Invitation, str]:
    """The invitation and its token, which is not kept. An earlier one for the address ends. Raises AlreadyMember."""
    email = email.lower()
    if workspace.memberships.filter(user__email=email).exists():
        raise AlreadyMember
    open_invitations(workspace).filter(email=email).update(revoked_at=timezone.now())
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        workspace=workspace,
        email=email,
        role=Role(role),
        token_sha256=_hash(token),
        invited_by=by,
        expires_at=timezone.now() + INVITATION_LASTS,
    )
    return invitation, token


def link_of(token: str) -> str:
    return f"{settings.BASE_URL}{reverse('accounts:join', args=[token])}"


def mail_invitation(invitation: Invitation, token: str) -> bool:
    """In the workspace's language: what the person reads is not known yet. False when nobody would take the mail."""
    context = {"invitation": invitation, "link": link_of(token), "days": INVITATION_LASTS.days}
    with translation.override(invitation.workspace.language):
        subject = render_to_string("accounts/email/invitation_subject.txt", context).strip()
        body = render_to_string("accounts/email/invitation.txt", context)
    try:
        return bool(send_mail(subject, body, None, [invitation.email]))
    except OSError:
        return False


def find_invitation(token: str) -> Invitation:
    """Raises InvitationGone, without saying which of the reasons it is."""
    invitation = (
        Invitation.objects.select_related("workspace", "invited_by")
        .filter(token_sha256=_hash(token), accepted_at=None, revoked_at=None, expires_at__gt=timezone.now())
        .first()
    )
    if invitation is None:
        raise InvitationGone
    return invitation


@transaction.atomic
def accept(invitation: Invitation, user: User) -> Membership:
    """Make the person a member. Raises InvitationGone when it was accepted or revoked a moment ago."""
    _claim(invitation)
    return _make_member(invitation, user)


@transaction.atomic
def accept_as_new_person(invitation: Invitation, *, name: str, password: str, language: str) -> Membership:
    """Make an account for the invited address, then a member of it. Raises InvitationGone.

    The invitation first: of two who press the button at once, the second finds it gone, and not the account made.
    """
    _claim(invitation)
    user = User.objects.create_user(
        invitation.email, password, name=name, language=language, time_zone=invitation.workspace.time_zone
    )
    return _make_member(invitation, user)


def _claim(invitation: Invitation) -> None:
    open_ones = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None)
    if not open_ones.update(accepted_at=timezone.now()):
        raise InvitationGone


def _make_member(invitation: Invitation, user: User) -> Membership:
    membership, _created = Membership.objects.get_or_create(
        workspace=invitation.workspace, user=user, defaults={"role": invitation.role}
    )
    return membership


def revoke(invitation: Invitation) -> bool:
    open_ones = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None)
    return bool(open_ones.update(revoked_at=timezone.now()))


@transaction.atomic
def change_role(membership: Membership, role: Role | str) -> None:
    """Raises LastAdmin."""
    if Role(role) is not Role.ADMIN:
        _keep_an_admin(membership)
    Membership.objects.filter(pk=membership.pk).update(role=Role(role))


@transaction.atomic
def remove(membership: Membership) -> None:
    """Their work stays. Raises LastAdmin."""
    _keep_an_admin(membership)
    membership.delete()


def _keep_an_admin(leaving: Membership) -> None:
    """With the workspace's row locked: two admins who remove each other at once must not both succeed."""
    Workspace.objects.select_for_update().get(pk=leaving.workspace_id)
    admins = Membership.objects.filter(workspace_id=leaving.workspace_id, role=Role.ADMIN)
    if not admins.exclude(pk=leaving.pk).exists() and admins.filter(pk=leaving.pk).exists():
        raise LastAdmin


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
