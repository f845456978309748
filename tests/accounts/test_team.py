from __future__ import annotations

import datetime as dt
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import team
from accounts.models import AuditEntry, Invitation, Membership, Role, User, Workspace
from tests.factories import make_member, make_user, make_workspace

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
KEN = "ken@minori.example"
JOINING = {"name": "Ken Sato", "password": "kurokawa-tea-43"}


@pytest.fixture(autouse=True)
def locmem(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def invite(client: Client, role: Role = Role.SENDER, email: str = KEN) -> str:
    """The path of the link, as it is shown to whoever invites."""
    answer = client.post("/settings/team", {"email": email, "role": role})
    link = str(answer.context["link"])
    assert link in answer.content.decode() and "no-store" in answer.headers["Cache-Control"]
    return re.sub(r"^https?://[^/]+", "", link)


@pytest.mark.django_db
def test_an_invited_person_joins_by_the_link_and_is_signed_in(admin_client: Client, workspace: Workspace) -> None:
    path = invite(admin_client)
    guest = Client()
    assert "Join Minori Tea" in guest.get(path).content.decode()
    assert guest.post(path, JOINING).headers["Location"] == "/"
    member = Membership.objects.get(user__email=KEN)
    assert (member.workspace, member.role, member.user.name) == (workspace, Role.SENDER, "Ken Sato")
    assert "Ken Sato" in guest.get("/settings/team").content.decode()
    assert AuditEntry.objects.get(action="member.joined").actor == member.user


@pytest.mark.django_db
def test_the_link_is_mailed_too_in_the_language_of_the_workspace(admin_client: Client, workspace: Workspace) -> None:
    Workspace.objects.update(language="ja")
    path = invite(admin_client)
    (message,) = mail.outbox
    assert message.subject == "「Minori Tea」への招待（Shirase）"
    assert path in str(message.body) and "\n7日間" not in str(message.body)


@pytest.mark.django_db
def test_a_link_works_once(admin_client: Client) -> None:
    path = invite(admin_client)
    Client().post(path, JOINING)
    answer = Client().post(path, JOINING)
    assert answer.status_code == 404 and "no longer works" in answer.content.decode()
    assert User.objects.filter(email=KEN).count() == 1


def test_a_link_that_is_used_twice_at_once_makes_one_person_and_no_error(transactional_db: None) -> None:
    workspace = make_workspace()
    _invitation, token = team.invite(workspace, email=KEN, role=Role.SENDER, by=make_user("keiko@minori.example"))

    def join(_number: int) -> int:
        try:
            return Client(raise_request_exception=False).post(f"/join/{token}", JOINING).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(join, range(4)))
    # One is in; the others read that the link is used, or that the account is there and wants its password.
    assert answers.count(302) == 1 and set(answers) <= {200, 302, 404}
    assert User.objects.filter(email=KEN).count() == Membership.objects.count() == 1


@pytest.mark.django_db
def test_a_link_ends_after_a_week(admin_client: Client) -> None:
    path = invite(admin_client)
    with time_machine.travel(timezone.now() + dt.timedelta(days=7, seconds=1)):
        assert Client().get(path).status_code == 404


@pytest.mark.django_db
def test_a_link_that_was_taken_back_is_dead(admin_client: Client) -> None:
    path = invite(admin_client)
    admin_client.post(f"/settings/team/invitations/{Invitation.objects.get().pk}/revoke")
    assert Client().get(path).status_code == 404


@pytest.mark.django_db
def test_a_second_invitation_ends_the_first(admin_client: Client) -> None:
    first, second = invite(admin_client), invite(admin_client, Role.VIEWER)
    assert (Client().get(first).status_code, Client().get(second).status_code) == (404, 200)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/join/x", "/join/" + "a" * 43])
def test_an_invented_link_is_not_found(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.django_db
def test_only_the_hash_of_a_token_is_kept(workspace: Workspace, admin: User) -> None:
    _invitation, token = team.invite(workspace, email=KEN, role=Role.AUTHOR, by=admin)
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(i)::text FROM accounts_invitation i")
        assert token not in str(cursor.fetchall())


@pytest.mark.django_db
def test_a_link_never_signs_anybody_in_to_an_account_that_exists(admin_client: Client, workspace: Workspace) -> None:
    ken = make_user(KEN)
    path = invite(admin_client)
    guest = Client()
    assert guest.post(path, JOINING).status_code == 200
    assert "Sign in with that account" in guest.get(path).content.decode()
    guest.force_login(make_user(), backend=BACKEND)
    assert guest.post(path).status_code == 200
    assert not workspace.memberships.filter(user=ken).exists()
    guest.force_login(ken, backend=BACKEND)
    assert guest.post(path).headers["Location"] == "/"
    assert workspace.memberships.get(user=ken).role == Role.SENDER


@pytest.mark.django_db
def test_a_member_is_not_invited_again(admin_client: Client, workspace: Workspace) -> None:
    make_member(workspace, email=KEN)
    answer = admin_client.post("/settings/team", {"email": KEN.upper(), "role": "author"})
    assert answer.status_code == 422 and "a member already" in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "email",
    [
        "a@b>\r\nRCPT TO:<x@y",
        "ken@minori.example\nBcc: x@y.example",
        "ken",
        "ken@" + "minori." * 35 + "example",
        "ken@" + "minori." * 44 + "example",
    ],
)
def test_an_invitation_to_no_address_is_refused(admin_client: Client, email: str) -> None:
    assert admin_client.post("/settings/team", {"email": email, "role": "author"}).status_code == 422
    assert not Invitation.objects.exists() and not mail.outbox


@pytest.mark.django_db
def test_roles_are_changed_and_members_removed(admin_client: Client, workspace: Workspace) -> None:
    member = Membership.objects.get(user=make_member(workspace, Role.VIEWER))
    admin_client.post(f"/settings/team/{member.pk}/role", {"role": "sender"})
    assert Membership.objects.get(pk=member.pk).role == Role.SENDER
    entry = AuditEntry.objects.get(action="member.role")
    assert entry.data == {"before": "viewer", "after": "sender"}
    admin_client.post(f"/settings/team/{member.pk}/remove")
    assert not Membership.objects.filter(pk=member.pk).exists()
    assert User.objects.filter(pk=member.user_id).exists()


@pytest.mark.django_db
@pytest.mark.parametrize("change", ["role", "remove"])
def test_the_last_admin_stays(admin_client: Client, admin: User, change: str) -> None:
    member = Membership.objects.get(user=admin)
    answer = admin_client.post(f"/settings/team/{member.pk}/{change}", {"role": "viewer"}, follow=True)
    assert "is the only admin. Nothing was changed" in answer.content.decode()
    assert Membership.objects.get(user=admin).role == Role.ADMIN


def test_two_admins_who_remove_each_other_at_once_leave_one(transactional_db: None) -> None:
    workspace = make_workspace()
    members = [Membership.objects.get(user=make_member(workspace)) for _ in range(2)]

    def remove(member: Membership) -> bool:
        try:
            team.remove(member)
        except team.LastAdmin:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(remove, members)) == [False, True]
    assert workspace.memberships.count() == 1


@pytest.mark.django_db
def test_a_removed_member_is_out_at_once(workspace: Workspace, admin: User) -> None:
    ken, client = make_member(workspace, Role.AUTHOR), Client()
    client.force_login(ken, backend=BACKEND)
    assert client.get("/settings/team").status_code == 200
    team.remove(Membership.objects.get(user=ken))
    assert client.get("/settings/team").headers["Location"] == "/workspaces"
    assert "You belong to no workspace" in client.get("/workspaces").content.decode()


@pytest.mark.django_db
def test_a_person_works_in_several_workspaces_with_a_role_in_each(admin_client: Client, admin: User) -> None:
    other = make_workspace("Another brand")
    Membership.objects.create(workspace=other, user=admin, role=Role.VIEWER)
    assert admin_client.post("/workspaces/switch", {"workspace": other.pk}).headers["Location"] == "/"
    assert admin_client.get("/settings/api-keys").status_code == 403
    page = admin_client.get("/settings/team").content.decode()
    assert "Another brand" in page and 'name="email"' not in page


@pytest.mark.django_db
def test_only_an_install_administrator_makes_workspaces(admin_client: Client, admin: User) -> None:
    data = {
        "name": "Another brand",
        "legal_name": "Another K.K.",
        "postal_address": "1 Road",
        "language": "en",
        "time_zone": "UTC",
    }
    assert admin_client.post("/workspaces/new", data).status_code == 403
    User.objects.filter(pk=admin.pk).update(is_install_admin=True)
    assert admin_client.post("/workspaces/new", data).headers["Location"] == "/"
    assert Membership.objects.get(workspace__name="Another brand").user == admin
    assert "Another brand" in admin_client.get("/settings").content.decode()


@pytest.mark.django_db
def test_workspace_settings_are_saved_and_recorded(admin_client: Client, workspace: Workspace) -> None:
    data = {
        "name": "実り茶舗",
        "legal_name": "株式会社実り茶舗",
        "postal_address": "見本県見本市みどり町1-2-3",
        "language": "ja",
        "time_zone": "Asia/Tokyo",
    }
    assert admin_client.post("/settings", data).status_code == 302
    workspace.refresh_from_db()
    assert (workspace.name, workspace.time_zone, workspace.has_legal_block) == ("実り茶舗", "Asia/Tokyo", True)
    assert "legal_name" in AuditEntry.objects.get(action="workspace.changed").data["fields"]
    assert admin_client.post("/settings", {**data, "time_zone": "Mars/Olympus"}).status_code == 422
