from __future__ import annotations

import datetime as dt

import pytest
from django.core.mail import send_mail
from django.test import override_settings
from django.utils import timezone

from delivery import contents, retention
from delivery.models import Content, Mailing, Message, SandboxMail
from tests.factories import make_workspace

pytestmark = pytest.mark.django_db


@override_settings(EMAIL_BACKEND="delivery.mail.EmailBackend")
def test_the_link_of_a_reset_is_forgotten_once_it_has_been_told() -> None:
    workspace = make_workspace()
    send_mail("Reset", "https://mail.test/password/reset/SECRET {{ 7*7 }} {% x", None, ["keiko@minori.example"])
    message = Message.objects.get(rcpt="keiko@minori.example")
    # A notice says exactly its words, whatever they are.
    assert "{{ '{' }}" in contents.load(message.mailing.content).text
    SandboxMail.objects.create(
        workspace=workspace, message_id=message.pk, rcpt="x", raw=b"SECRET", received_at=timezone.now()
    )
    assert retention.forget_notices() == 0
    Mailing.objects.update(state=Mailing.State.FINISHED, finished_at=timezone.now() - dt.timedelta(days=2))
    assert retention.forget_notices() == 1
    assert not Content.objects.exists() and not SandboxMail.objects.exists() and not Message.objects.exists()
