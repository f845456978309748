"""What the pages show in pictures and in accessibility tests: made through the product's own functions.

Run inside the product's settings after set-up: `python -m tests.browser.sample` prints the values for `pages`.
"""

from __future__ import annotations

import json
import os

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()

from accounts import api_keys, jobs, notices, team
from accounts.models import Role, User, Workspace
from tests.browser.pages import Values


def people(workspace: Workspace, owner: User) -> Values:
    """A colleague, open invitations, keys, notices, a job that runs and one that is done."""
    invitation, token = team.invite(workspace, email="ken@minori.example", role=Role.SENDER, by=owner)
    member = team.accept_as_new_person(invitation, name="Ken Sato", password="a long enough one 7", language="ja")
    invitation, token = team.invite(workspace, email="lena@minori.example", role=Role.AUTHOR, by=owner)
    key, _ = api_keys.create(workspace, name="Shop", scopes=["read", "contacts", "send"], by=owner)
    job = jobs.take(jobs.create(workspace, "sample", params={}, by=owner, total=104_212).pk)
    assert job
    jobs.heartbeat(job, done=61_400)
    notice = notices.send([owner], workspace, "sample", url="/settings")[0]
    return [
        ("accounts:setup", [{"label": "refused"}]),
        ("accounts:join", [{"token": token}, {"token": "spent", "label": "gone"}]),
        ("accounts:member_*", [{"member": member.pk}]),
        ("accounts:invitation_*", [{"invitation": invitation.pk}]),
        ("accounts:api_key_*", [{"api_key": key.pk}]),
        ("accounts:notice", [{"notice": notice.pk}]),
        ("accounts:job*", [{"job": job.pk}]),
        ("account_reset_password_from_key", [{"uidb36": "1", "key": "set-password", "label": "gone"}]),
    ]


def furnish() -> Values:
    workspace = Workspace.objects.get()
    owner = User.objects.get(is_install_admin=True)
    return [*people(workspace, owner)]


if __name__ == "__main__":
    print(json.dumps(furnish()))
