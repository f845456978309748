from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from django.test import Client
from django.utils.translation import gettext, override

from accounts import notices
from accounts.models import Membership, Notice, Role, User, Workspace
from tests.factories import make_member

pytestmark = pytest.mark.django_db


def saved(params: Mapping[str, Any]) -> str:
    return f"{params['name']}: {gettext('Saved.')}"


@pytest.fixture(autouse=True)
def kind() -> None:
    notices.register("test.saved", saved)


def test_a_notice_speaks_the_language_of_its_reader(workspace: Workspace, admin: User) -> None:
    (notice,) = notices.send([admin], workspace, "test.saved", params={"name": "Autumn"})
    assert notices.text(notice) == "Autumn: Saved."
    with override("ja"):
        assert notices.text(notice) == "Autumn: 保存しました。"


def test_the_bell_counts_what_is_new_until_it_is_read(admin_client: Client, workspace: Workspace, admin: User) -> None:
    notices.send([admin], workspace, "test.saved", params={"name": "Autumn"}, url="/settings/team")
    page = admin_client.get("/notices").content.decode()
    assert "Autumn: Saved." in page and "1 new notice" in page
    answer = admin_client.post(f"/notices/{Notice.objects.get().pk}")
    assert answer.headers["Location"] == "/settings/team"
    assert notices.unread(admin) == 0
    assert "1 new notice" not in admin_client.get("/notices").content.decode()


def test_all_are_read_at_once(admin_client: Client, workspace: Workspace, admin: User) -> None:
    other = make_member(workspace, Role.AUTHOR)
    notices.send([admin, admin, other], workspace, "test.saved", params={"name": "Autumn"})
    admin_client.post("/notices/read")
    assert (notices.unread(admin), notices.unread(other)) == (0, 1)


def test_a_notice_leads_into_its_own_workspace(
    admin_client: Client, workspace: Workspace, other_workspace: Workspace, admin: User
) -> None:
    Membership.objects.create(workspace=other_workspace, user=admin, role=Role.VIEWER)
    (notice,) = notices.send([admin], other_workspace, "test.saved", params={"name": "Autumn"}, url="/settings")
    admin_client.post(f"/notices/{notice.pk}")
    assert admin_client.get("/settings").context["workspace"] == other_workspace


def test_a_removed_member_no_longer_reads_of_the_workspace(workspace: Workspace, admin: User) -> None:
    notices.send([admin], workspace, "test.saved", params={"name": "Autumn"})
    Membership.objects.filter(user=admin).delete()
    assert notices.unread(admin) == 0 and not notices.of(admin)
