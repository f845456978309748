from __future__ import annotations

import pytest
from django.db import Error, connection, transaction
from django.test import Client

from accounts import api_keys, audit
from accounts.models import AuditEntry, Role, User, Workspace
from tests.factories import make_member

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("sql", ["UPDATE accounts_auditentry SET action = 'forged'", "DELETE FROM accounts_auditentry"])
def test_the_log_is_append_only_even_in_sql(workspace: Workspace, sql: str) -> None:
    audit.record(None, workspace, "workspace.changed", workspace)
    with pytest.raises(Error, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert AuditEntry.objects.get().action == "workspace.changed"


def test_the_log_cannot_be_emptied(workspace: Workspace) -> None:
    audit.record(None, workspace, "workspace.changed", workspace)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_auditentry ENABLE TRIGGER audit_no_truncate")  # tests/conftest.py
        with pytest.raises(Error, match="append-only"), transaction.atomic():
            cursor.execute("TRUNCATE accounts_auditentry")
    assert AuditEntry.objects.get().action == "workspace.changed"


def test_an_entry_outlives_the_person_and_the_workspace_it_names(workspace: Workspace, admin: User) -> None:
    audit.record(admin, workspace, "workspace.changed", workspace)
    admin.delete()
    workspace.delete()
    entry = AuditEntry.objects.get()
    assert (entry.actor_label, entry.label) == ("Keiko Mori", "Minori Tea")


def test_an_entry_names_the_key_that_acted(workspace: Workspace) -> None:
    key, _token = api_keys.create(workspace, name="Shop", scopes=[], by=None)
    entry = audit.record(key, workspace, "list.created", "News")
    assert (entry.api_key, entry.actor, entry.actor_label, entry.label) == (key, None, "Shop", "News")


def test_admins_read_the_log_of_their_own_workspace_only(
    admin_client: Client, workspace: Workspace, other_workspace: Workspace
) -> None:
    audit.record(None, workspace, "workspace.changed", "Ours")
    audit.record(None, other_workspace, "workspace.changed", "Theirs")
    page = admin_client.get("/settings/audit").content.decode()
    assert "Ours" in page and "Theirs" not in page


def test_the_log_pages_both_ways_by_keyset(admin_client: Client, workspace: Workspace) -> None:
    for number in range(120):
        audit.record(None, workspace, "workspace.changed", f"entry {number:03}")
    first = admin_client.get("/settings/audit")
    assert [row["entry"].label for row in first.context["rows"]][::49] == ["entry 119", "entry 070"]
    second = admin_client.get("/settings/audit" + first.context["page"].older)
    third = admin_client.get("/settings/audit" + second.context["page"].older)
    assert (len(second.context["rows"]), len(third.context["rows"]), third.context["page"].older) == (50, 20, "")
    back = admin_client.get("/settings/audit" + third.context["page"].newer)
    assert [row["entry"].pk for row in back.context["rows"]] == [row["entry"].pk for row in second.context["rows"]]


def test_the_log_filters_by_action_and_by_person(admin_client: Client, workspace: Workspace, admin: User) -> None:
    other = make_member(workspace, Role.AUTHOR, name="Ken Sato")
    audit.record(admin, workspace, "workspace.changed", "by Keiko")
    audit.record(other, workspace, "member.invited", "by Ken")
    rows = admin_client.get("/settings/audit?action=member.invited").context["rows"]
    assert [row["entry"].label for row in rows] == ["by Ken"]
    rows = admin_client.get("/settings/audit?who=keiko").context["rows"]
    assert [row["entry"].label for row in rows] == ["by Keiko"]


def test_a_forged_page_number_is_the_first_page(admin_client: Client) -> None:
    assert admin_client.get("/settings/audit?before=x'--&after=9999999999999999999999").status_code == 200


def test_what_an_entry_holds_is_said_in_words(admin_client: Client, workspace: Workspace) -> None:
    held = {"start_at": "2026-11-30T08:25:30.694481+00:00", "zone": "", "filter": {}, "scopes": ["read", "send"]}
    audit.record(None, workspace, "campaign.schedule", "Letter", **held)
    page = admin_client.get("/settings/audit").content.decode()
    assert "May do: read, send" in page and "Start: <time" in page and "30 Nov 2026, 08:25" in page
    assert "start_at" not in page and "zone" not in page and "{}" not in page
