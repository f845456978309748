from __future__ import annotations

import datetime as dt

import pytest
from django.core.mail import send_mail
from django.test import override_settings
from django.utils import timezone

from delivery import contents, retention
from delivery.models import AddressFailure, Content, IncomingReport, Mailing, Message, SandboxMail
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


def test_what_came_back_is_forgotten_bit_by_bit_and_what_waits_for_a_person_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workspace, now = make_workspace(), timezone.now()
    monkeypatch.setattr(retention, "NOBODYS_KEPT", 2)

    def report(days: int, **columns: object) -> IncomingReport:
        made = IncomingReport(inlet="imap", key=f"{days}{columns}", kind="bounce", result="nothing", **columns)
        made.raw = b"From: a\r\n\r\n"
        made.save()
        IncomingReport.objects.filter(pk=made.pk).update(received_at=now - dt.timedelta(days=days))
        return made

    old, older, young = (report(days, workspace=workspace) for days in (91, 900, 1))
    strangers = [report(number) for number in range(4)]
    for number, (days, state) in enumerate([(91, 0), (91, 2), (1, 0)]):
        AddressFailure.objects.create(
            workspace=workspace, address_key="a", reason="full", message_id=number, state=state,
            at=now - dt.timedelta(days=days),
        )  # fmt: skip
    while retention.forget_reports():
        pass
    assert retention.forget_nobodys() == 2
    kept = {row.pk: bool(row.raw) for row in IncomingReport.objects.all()}
    assert kept == {old.pk: False, young.pk: True, strangers[2].pk: True, strangers[3].pk: True}
    assert older.pk not in kept
    assert list(AddressFailure.objects.order_by("message_id").values_list("message_id", flat=True)) == [1, 2]
