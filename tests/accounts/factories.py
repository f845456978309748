"""Objects of accounts for generated tests."""

from __future__ import annotations

from accounts import api_keys, jobs, notices, team
from accounts.models import ApiKey, Invitation, Job, Membership, Notice, Role, Workspace
from tests.factories import factory, make_member, open_to_all


@factory("member")
def member(workspace: Workspace) -> Membership:
    return Membership.objects.get(user=make_member(workspace, Role.AUTHOR))


@factory("invitation")
def invitation(workspace: Workspace) -> Invitation:
    made, _token = team.invite(workspace, email="ken@minori.example", role=Role.AUTHOR, by=make_member(workspace))
    return made


@factory("api_key")
def api_key(workspace: Workspace) -> ApiKey:
    return api_keys.create(workspace, name="Shop", scopes=[], by=None)[0]


@factory("notice")
def notice(workspace: Workspace) -> Notice:
    return notices.send([make_member(workspace)], workspace, "test")[0]


@factory("job")
def job(workspace: Workspace) -> Job:
    return jobs.create(workspace, "test", params={})


open_to_all(
    "healthz",
    "readyz",
    "metrics",
    "account_*",
    "accounts:setup",
    "accounts:join",
    "accounts:preferences",
    # For everyone who is signed in, whatever their workspaces: they show and change only what is their own.
    "accounts:profile",
    "accounts:password",
    "accounts:workspaces",
    "accounts:switch_workspace",
    "accounts:notices",
    "accounts:notices_read",
    "accounts:notice",
)
