"""Webhooks: nothing is believed that is not signed, of today, from our own account; an event counts once."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import fields
from delivery.bounces.webhooks import receiving
from delivery.bounces.webhooks.signatures import is_amazons
from delivery.content.message import id_proof
from delivery.keyring import keyring
from delivery.models import IncomingReport, Inlet, Message, ReportWebhook
from tests.delivery.factories import message
from tests.factories import make_member, make_workspace

pytestmark = pytest.mark.django_db

SIGNER = ec.generate_private_key(ec.SECP256R1())
DER, SPKI = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
SECRETS = {
    "sendgrid": base64.b64encode(SIGNER.public_key().public_bytes(DER, SPKI)).decode(),
    "mailgun": "key-0123456789",
    "postmark": "a-password-of-ours",
    "ses": "",
}
CERT_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:bounces"


class Amazon:
    """Signs as SNS does, with a certificate of the tests at Amazon's address."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = dt.datetime.now(dt.UTC)
        made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key())
        made = made.serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
        self.certificate = made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        self.fetched: list[str] = []

    def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        return self.certificate

    def envelope(self, event: dict[str, Any] | None = None, **given: str) -> dict[str, Any]:
        told = {
            "Type": "Notification", "MessageId": "m1", "TopicArn": TOPIC, "SignatureVersion": "2",
            "Message": json.dumps(event or {}), "Timestamp": f"{timezone.now():%Y-%m-%dT%H:%M:%S}.000Z",
            "SigningCertURL": CERT_URL,
        } | given  # fmt: skip
        confirming = told["Type"] != "Notification"
        names = ("Message", "MessageId", *(("SubscribeURL", "Timestamp", "Token") if confirming else ("Timestamp",)))
        text = "".join(f"{name}\n{told[name]}\n" for name in (*names, "TopicArn", "Type")).encode()
        signature = self.key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        return told | {"Signature": base64.b64encode(signature).decode()}


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Amazon:
    made = Amazon()
    monkeypatch.setattr(receiving, "fetch", made.fetch)
    receiving._certificate.cache_clear()
    return made


@pytest.fixture
def sent(db: None) -> Message:
    return message(make_workspace())


def hook(provider: str) -> ReportWebhook:
    made = ReportWebhook(name=provider, provider=provider)
    fields.seal(made, "secret_sealed", SECRETS[provider])
    made.save()
    return made


def call(made: ReportWebhook, body: Any, headers: dict[str, str] | None = None, provider: str = "") -> HttpResponse:
    url = reverse("delivery:report_hook", args=[provider or made.provider, made.token])
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    client = Client(enforce_csrf_checks=True)
    answer: HttpResponse = client.generic("POST", url, text, content_type="application/json", headers=headers or {})  # type: ignore[assignment]
    return answer


def by_sendgrid(events: list[Any], *, at: float = 0.0) -> tuple[bytes, dict[str, str]]:
    body, stamp = json.dumps(events).encode(), str(int(at or time.time()))
    signature = base64.b64encode(SIGNER.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
    name = "X-Twilio-Email-Event-Webhook"
    return body, {f"{name}-Signature": signature, f"{name}-Timestamp": stamp}


def by_mailgun(event: dict[str, Any], *, at: float = 0.0, token: str = "t1") -> dict[str, Any]:
    stamp = str(int(at or time.time()))
    signature = hmac.new(SECRETS["mailgun"].encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {"signature": {"timestamp": stamp, "token": token, "signature": signature}, "event-data": event}


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"x:{password}".encode()).decode()}


def token_of(sent: Message) -> str:
    return keyring().return_path_local(sent.pk)


def ses_bounce(sent: Message) -> dict[str, Any]:
    return {
        "notificationType": "Bounce",
        "mail": {"source": f"{token_of(sent)}@bounce.example.com", "messageId": "s1"},
        "bounce": {
            "bounceType": "Permanent", "feedbackId": "f1",
            "bouncedRecipients": [{
                "emailAddress": sent.rcpt, "action": "failed", "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 user unknown",
            }],
        },
    }  # fmt: skip


def mailgun_failure(sent: Message) -> dict[str, Any]:
    return {
        "event": "failed", "severity": "permanent", "id": "e1", "recipient": sent.rcpt,
        "delivery-status": {"code": 550, "message": "5.1.1 user unknown"},
        "envelope": {"sender": f"{token_of(sent)}@bounce.example.com"},
    }  # fmt: skip


def sendgrid_bounce(sent: Message, **given: str) -> dict[str, Any]:
    return {"event": "bounce", "email": sent.rcpt, "status": "5.1.1", "reason": "550 5.1.1 user unknown",
            "sg_event_id": "g1"} | given  # fmt: skip


def postmark_bounce(sent: Message) -> dict[str, Any]:
    return {"RecordType": "Bounce", "Type": "HardBounce", "ID": 42, "Email": sent.rcpt,
            "Details": "smtp;550 5.1.1 user unknown", "Metadata": {"shirase-ref": token_of(sent)}}  # fmt: skip


def the_report() -> IncomingReport:
    made = IncomingReport.objects.get()
    assert (made.kind, made.told[0]["cause"], made.told[0]["action"]) == ("bounce", "no_such_user", "failed")
    return made


def test_a_true_event_of_each_is_taken_once(amazon: Amazon, sent: Message) -> None:
    calls: dict[str, Callable[[ReportWebhook], HttpResponse]] = {
        "ses": lambda made: call(made, amazon.envelope(ses_bounce(sent))),
        "sendgrid": lambda made: call(made, *by_sendgrid([sendgrid_bounce(sent, shirase_ref=token_of(sent)), 7])),
        "mailgun": lambda made: call(made, by_mailgun(mailgun_failure(sent))),
        "postmark": lambda made: call(made, postmark_bounce(sent), basic(SECRETS["postmark"])),
    }
    for provider, again in calls.items():
        made = hook(provider)
        assert [again(made).status_code, again(made).status_code] == [200, 200]
        report = the_report()
        assert (report.inlet, report.message_id) == (Inlet(provider), sent.pk)
        made.refresh_from_db()
        assert made.called_at and not made.problem and made.events == 2
        IncomingReport.objects.all().delete()


def test_what_proves_nothing_is_refused(amazon: Amazon, sent: Message) -> None:
    """Unsigned, changed, signed by others, of another day, sent to another service's address."""
    hooks = {provider: hook(provider) for provider in SECRETS}
    day = time.time() - 26 * 3600
    event = ses_bounce(sent)
    body, signed = by_sendgrid([sendgrid_bounce(sent)])
    mailgun = by_mailgun(mailgun_failure(sent))
    cases: list[tuple[str, Any, dict[str, str], str]] = [
        ("ses", {"Type": "Notification", "Message": json.dumps(event)}, {}, "unsigned"),
        ("ses", amazon.envelope(event) | {"Message": "{}"}, {}, "unsigned"),
        ("ses", amazon.envelope(event, SigningCertURL="https://sns.evil.example/a.pem"), {}, "unsigned"),
        ("ses", Amazon().envelope(event), {}, "unsigned"),
        ("ses", amazon.envelope(event, Timestamp="2020-01-01T00:00:00.000Z"), {}, "old"),
        ("ses", amazon.envelope(event) | {"Message": "\ud800"}, {}, "unsigned"),
        ("mailgun", {"signature": {"timestamp": "1", "token": "\ud800", "signature": "\ud800"}}, {}, "unsigned"),
        ("sendgrid", body, {}, "unsigned"),
        ("sendgrid", body + b" ", signed, "unsigned"),
        ("sendgrid", *by_sendgrid([sendgrid_bounce(sent)], at=day), "old"),
        ("sendgrid", *by_sendgrid([sendgrid_bounce(sent)], at=time.time() + 3600), "old"),
        ("mailgun", {"event-data": mailgun["event-data"]}, {}, "unsigned"),
        ("mailgun", mailgun | {"signature": mailgun["signature"] | {"token": "other"}}, {}, "unsigned"),
        ("mailgun", by_mailgun(mailgun_failure(sent), at=day), {}, "old"),
        ("mailgun", body, signed, "unreadable"),
        ("sendgrid", mailgun, {}, "unsigned"),
        ("postmark", postmark_bounce(sent), {}, "unsigned"),
        ("postmark", postmark_bounce(sent), basic("wrong"), "unsigned"),
        ("postmark", b"{" * 100_000, basic(SECRETS["postmark"]), "unreadable"),
        ("ses", b"\xff", {}, "unreadable"),
    ]
    for provider, said, headers, problem in cases:
        answer = call(hooks[provider], said, headers)
        assert (answer.status_code, answer.content.decode()) == (403, problem), (provider, said, problem)
        hooks[provider].refresh_from_db()
        assert hooks[provider].problem == problem and hooks[provider].events == 0
    assert call(hooks["mailgun"], mailgun, provider="postmark").status_code == 404
    assert not IncomingReport.objects.exists()


def test_another_topic_that_amazon_signs_for_is_foreign(amazon: Amazon, sent: Message) -> None:
    made = hook("ses")
    confirm = f"{CERT_URL.rpartition('/')[0]}/?Action=ConfirmSubscription"
    given = {"Type": "SubscriptionConfirmation", "Token": "k", "SubscribeURL": confirm}
    assert call(made, amazon.envelope(**given)).status_code == 200
    assert amazon.fetched == [CERT_URL, confirm]
    evil = amazon.envelope(ses_bounce(sent), TopicArn="arn:aws:sns:eu-west-1:999999999999:evil")
    assert call(made, evil).content == b"foreign"
    elsewhere = amazon.envelope(**(given | {"SubscribeURL": "https://169.254.169.254/"}))
    assert call(made, elsewhere).content == b"unsigned"
    assert amazon.fetched == [CERT_URL, confirm] and not IncomingReport.objects.exists()


def test_of_a_call_about_several_workspaces_each_is_shown_its_own(sent: Message) -> None:
    other = message(make_workspace("Other"))
    other.rcpt = "theirs@example.net"
    other.save()
    both = [sendgrid_bounce(one, shirase_ref=token_of(one), sg_event_id=f"g{one.pk}") for one in (sent, other)]
    call(hook("sendgrid"), *by_sendgrid(both))
    shown = IncomingReport.objects.get(workspace=sent.mailing.workspace_id)
    assert sent.rcpt.encode() in shown.raw and b"theirs" not in shown.raw


def test_without_a_token_of_ours_an_event_is_kept_and_does_nothing(sent: Message) -> None:
    made = hook("sendgrid")
    # As whoever got the same letter would make it up, who knows the form and can count.
    other = f"<{sent.pk:x}.{id_proof(token_of(sent)[:-1] + 'a', sent.mailing.content.hash)}@news.example.com>"
    for n, ref in enumerate(({}, {"shirase_ref": f"1a{'b' * 13}-{'c' * 16}"}, {"smtp-id": other})):
        call(made, *by_sendgrid([sendgrid_bounce(sent, **ref) | {"sg_event_id": f"n{n}"}]))
    assert [report.message_id for report in IncomingReport.objects.all()] == [None] * 3


def test_a_signed_event_with_our_message_id_is_about_that_message(sent: Message) -> None:
    """SendGrid keeps nothing else of mail that came by SMTP."""
    made = hook("sendgrid")
    known = f"<{sent.pk:x}.{id_proof(token_of(sent), sent.mailing.content.hash)}@sandbox.example>"
    call(made, *by_sendgrid([sendgrid_bounce(sent, **{"smtp-id": known})]))
    assert the_report().message_id == sent.pk
    call(made, *by_sendgrid([sendgrid_bounce(sent, **{"smtp-id": known, "email": "x@y.jp", "sg_event_id": "g2"})]))
    assert IncomingReport.objects.latest("pk").message_id is None


def test_an_overheard_signature_of_mailgun_serves_once(sent: Message) -> None:
    made = hook("mailgun")
    call(made, by_mailgun(mailgun_failure(sent)))
    call(made, by_mailgun({"event": "complained", "recipient": sent.rcpt, "id": "other"}))
    assert IncomingReport.objects.count() == 1


@pytest.mark.parametrize(
    ("url", "amazons"),
    [
        (CERT_URL, True),
        ("https://sns.cn-north-1.amazonaws.com.cn/a.pem", True),
        ("http://sns.eu-west-1.amazonaws.com/a.pem", False),
        ("https://sns.eu-west-1.amazonaws.com:8443/a.pem", False),
        ("https://sns.eu-west-1.amazonaws.com@evil.example/a.pem", False),
        ("https://sns.eu-west-1.amazonaws.com.evil.example/a.pem", False),
        ("https://sns.evil.amazonaws.com/a.pem", False),
        ("https://bucket.s3.amazonaws.com/a.pem", False),
        ("https://[::1/a.pem", False),
    ],
)
def test_only_amazons_own_addresses_are_fetched(url: str, amazons: bool) -> None:
    assert is_amazons(url) is amazons


def test_the_settings_page_tells_the_address_and_never_the_key(client: Client) -> None:
    client.force_login(make_member(make_workspace(), is_install_admin=True))
    form = {"name": "Shop", "provider": "mailgun"}
    assert client.post(reverse("delivery:webhook_new"), form).status_code == 422
    assert (
        client.post(reverse("delivery:webhook_new"), form | {"provider": "postmark", "secret": "short"}).status_code
        == 422
    )
    client.post(reverse("delivery:webhook_new"), form | {"secret": "key-kamome"})
    made = ReportWebhook.objects.get()
    page = client.get(reverse("delivery:webhook", args=[made.pk])).content
    assert f"/webhooks/mailgun/{made.token}".encode() in page and b"kamome" not in page
    client.post(reverse("delivery:webhook", args=[made.pk]), form | {"name": "Shop 2", "provider": "ses"})
    made.refresh_from_db()
    assert (made.name, made.provider, fields.reveal(made, "secret_sealed")) == ("Shop 2", "mailgun", "key-kamome")
    assert b"Shop 2" in client.get(reverse("delivery:inlets")).content
    client.post(reverse("delivery:webhook_remove", args=[made.pk]))
    assert not ReportWebhook.objects.exists()
