from __future__ import annotations

import datetime as dt

import pytest

from accounts.models import Workspace
from delivery.models import Content, Domain, FromAddress, Mailing, Message, SendingDomain


@pytest.fixture
def workspace_message(db: None) -> Message:
    """One message of a mailing, in a workspace."""
    workspace = Workspace.objects.create(name="Kissa")
    domain = SendingDomain.objects.create(
        workspace=workspace, name="sandbox.example", return_path_host="b.sandbox.example"
    )
    sender = FromAddress.objects.create(workspace=workspace, sending_domain=domain, local_part="hello", name="Kissa")
    mailing = Mailing.objects.create(
        workspace=workspace,
        kind=Mailing.Kind.CAMPAIGN,
        content=Content.objects.create(workspace=workspace, hash="0" * 64, subject="Hello"),
        from_address=sender,
        give_up_after=dt.timedelta(hours=72),
    )
    domain_to = Domain.objects.create(name="example.net")
    return Message.objects.create(mailing=mailing, rcpt="hanako@example.net", domain=domain_to)
