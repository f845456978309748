"""Fills every field that somebody inside or outside can fill with a script. Run inside the product's settings:

`python -m tests.browser.hostile <email> <password>` prints the pages on which it may show.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any
from urllib.parse import quote

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()

from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts import api_keys, jobs, notices, setup, team
from accounts.models import AuditEntry, Role, User, Workspace
from campaigns import editing, launching
from campaigns.models import Campaign
from contacts import bulk, custom_fields, importing, lists, people, subscriptions
from contacts.addresses import Address, parse
from contacts.models import Bulk, Contact, Suppression
from delivery import domains, tracking
from delivery.bounces.taking import take
from delivery.keyring import keyring
from delivery.models import (
    AddressFailure,
    Inlet,
    Mailing,
    Message,
    ReportWebhook,
    ReturnMailbox,
    Route,
    SandboxMail,
)
from delivery.sandbox import store
from delivery.tokens import WebPurpose, WebToken
from tests.delivery.bounces.mails import arf, dsn, return_path

MARK = "xss-mark"
RUN = "window.__xss=1;top.__xss=1;alert(1);fetch('http://xss.invalid')"
SCRIPT = f'{MARK}\'"></title></textarea></script><script>{RUN}</script><img src=x onerror="{RUN}"><svg onload="{RUN}">'
SHORT = f"{MARK}'\"><img src=x onerror=__xss=1><script>__xss=1</script>"  # below 100 characters
JAVASCRIPT = f"javascript:{RUN}"
ENEMY = f"""<!doctype html><html><head><meta http-equiv="refresh" content="0;url=javascript:{RUN}"><script>{RUN}</script>
<base href="{JAVASCRIPT}"></head><body onload="{RUN}">{MARK}<script>{RUN}</script><img src=x onerror="{RUN}">
<iframe srcdoc="<script>{RUN}</script>"></iframe><iframe src="{JAVASCRIPT}"></iframe><form action="{JAVASCRIPT}"><button>a
</button></form><object data="data:text/html,<script>{RUN}</script>"></object><svg><script>{RUN}</script></svg>
<details open ontoggle="{RUN}">a</details><input autofocus onfocus="{RUN}"><a href="{JAVASCRIPT}">a</a></body></html>"""
# What a member may write into a campaign: the freeze refuses links that run.
LETTER = f"""<!doctype html><html><head><title>a</title></head><body onload="{RUN}"><p>{MARK} {{{{ contact.first_name }}}}
{{{{ contact.rank }}}}</p><img src="x" onerror="{RUN}" alt=""><svg onload="{RUN}"></svg><input autofocus onfocus="{RUN}">
<p><a href="https://shop.example/">shop</a> {{{{ workspace.legal_name }}}} {{{{ workspace.postal_address }}}}
<a href="{{{{ unsubscribe_url }}}}">out</a></p></body></html>"""


def write_all(email: str, password: str) -> dict[str, Any]:
    owner = setup.create_owner(name=SCRIPT[:150], email=email, password=password, language="en")
    named = Workspace(name=SHORT, legal_name=SCRIPT[:200], postal_address=SCRIPT)
    workspace = setup.create_first_workspace(named, by=owner, sample_data=False)
    mailing, campaign = sent(workspace, owner)
    pages = [
        *inside(workspace, owner),
        *people_pages(workspace, owner),
        *reports(mailing, campaign, workspace, owner),
        *inlets(),
    ]
    return {"mark": MARK, "pages": pages}


def inside(workspace: Workspace, owner: User) -> list[str]:
    """Team, keys, notices, jobs, the log, routes, domains."""
    invitation, _token = team.invite(workspace, email="ken@minori.example", role=Role.SENDER, by=owner)
    team.invite(workspace, email="lena@minori.example", role=Role.SENDER, by=owner)
    team.accept_as_new_person(invitation, name=SHORT, password="a long enough one 7", language="en")
    _invitation, open_token = team.invite(workspace, email="mia@minori.example", role=Role.SENDER, by=owner)
    api_keys.create(workspace, name=SHORT, scopes=["read"], by=owner)
    told = dict.fromkeys(("name", "reason", "file", "why", "delivered", "people", "failed", "held"), SCRIPT)
    for kind in ("import.done", "import.failed", "campaign.finished", "campaign.paused", SHORT[:40]):
        notices.send([owner], workspace, kind, params=told, url="/settings")
    jobs.create(workspace, SHORT[:40], params={"name": SCRIPT}, by=owner, total=10)
    AuditEntry.objects.create(
        workspace=workspace, actor=owner, actor_label=SHORT, action=SHORT[:60], label=SCRIPT[:200]
    )
    route = Route.objects.create(name=SHORT, kind=Route.Kind.SMARTHOST, host=SHORT, username=SHORT, ehlo_name=SHORT)
    route.workspaces.add(workspace)
    domain = domains.add(workspace, "news.minori.example", actor=owner)
    domain.from_addresses.create(workspace=workspace, local_part="news", name=SCRIPT[:200])
    seen = {"status": "different", "found": [SCRIPT], "at": timezone.now().isoformat()}
    domain.checks = dict.fromkeys(("dkim", "spf", "dmarc", "return_path", "tracking"), seen)
    domain.verified_at = domain.live_at = domain.checked_at = timezone.now()
    domain.save()
    now = timezone.now()
    domain.dmarc_reports.create(org=SHORT[:100], report_id=SCRIPT[:200], begin=now, end=now)
    names = ("team", "api_keys", "audit", "notices", "settings", "profile", "workspaces")
    return [
        "/",
        *(reverse(f"accounts:{name}") for name in names),
        reverse("accounts:join", args=[open_token]),
        reverse("delivery:routes"),
        reverse("delivery:route", args=[route.pk]),
        reverse("delivery:domains"),
        reverse("delivery:domain", args=[domain.pk]),
    ]


def hostile_person(workspace: Workspace, owner: User, address: str, **more: Any) -> Contact:
    found = parse(address)
    assert isinstance(found, Address)
    values = {"first_name": SCRIPT[:200], "last_name": SCRIPT[:200], "tags": [SHORT], "fields.rank": SCRIPT}
    return people.add(workspace, found, values, statement=SCRIPT, actor=owner, **more)


def people_pages(workspace: Workspace, owner: User) -> list[str]:
    """A person with a history, lists, fields, suppressions, imports, changes of many."""
    person = Contact.objects.of(workspace).earliest("pk")
    people.change(person, {"first_name": MARK + SCRIPT[:150]}, actor=owner)
    other = hostile_person(workspace, owner, "stopped@mail.example")
    subscriptions.suppress(workspace, other.address_key, "manual", source=SHORT, note=SCRIPT, actor=owner)
    field = custom_fields.create(workspace, SHORT, "choice", [SHORT, SCRIPT])
    news = lists.create(workspace, SHORT + "2", public_name=SHORT, description=SCRIPT)
    tagged = bulk.start(workspace, Bulk.Action.TAG, {"tag": SHORT}, {"ids": [person.pk]}, by=owner, expected=1)
    rows = f'email,"{SHORT.replace(chr(34), chr(34) * 2)}"\nken@mail.example,"{MARK} <b>"\n{MARK}<script>__xss=1</script>,x\n'
    first = importing.receive(workspace, SHORT + ".csv", [rows.encode()], owner)
    done = importing.receive(workspace, SHORT + ".csv", [rows.encode()], owner)
    importing.decide(done, [done.mapping[0], "new:text"], importing.Options(tags=[SHORT], statement=SCRIPT))
    while importing.advance(done.job_id):
        pass
    stop = Suppression.objects.of(workspace).latest("pk")
    pages = ("list", "lists", "fields", "suppressions", "imports", "new")
    return [
        *(reverse(f"contacts:{name}") for name in pages),
        *(reverse("contacts:contact", args=[one.pk]) for one in (person, other)),
        reverse("contacts:edit", args=[person.pk]),
        reverse("contacts:one_list", args=[news.pk]),
        reverse("contacts:field", args=[field.pk]),
        reverse("contacts:suppression_release", args=[stop.pk]),
        reverse("contacts:bulk_result", args=[tagged.pk]),
        *(reverse(f"contacts:import_{name}", args=[first.pk]) for name in ("map", "options")),
        reverse("contacts:import_result", args=[done.pk]),
    ]


def sent(workspace: Workspace, owner: User) -> tuple[Mailing, Campaign]:
    """A campaign that the product's own workers send, then with a script in every reply that a server gave."""
    custom_fields.create(workspace, "Rank", "text")
    news = lists.create(workspace, SHORT, public_name=SHORT, description=SCRIPT)
    for number in range(3):
        hostile_person(workspace, owner, f"bounce+5.1.{number}@mail.example", lists=[news])
    hostile_person(workspace, owner, "reader@mail.example", lists=[news])
    draft = editing.create(workspace, owner, name=SCRIPT[:200], include_lists=[news.pk])
    values = {"subject": SCRIPT[:300], "preheader": SCRIPT[:300], "html": LETTER, "text": SCRIPT}
    draft = editing.save(draft, draft.version, values, owner)
    mailing = launching.schedule(draft, by=owner, actor=owner)
    launching.start_now(Campaign.objects.get(pk=draft.pk), actor=owner)
    deadline = time.monotonic() + 60
    while Mailing.objects.get(pk=mailing.pk).state != Mailing.State.FINISHED:
        assert time.monotonic() < deadline, Mailing.objects.get(pk=mailing.pk).state
        time.sleep(0.2)
    answered(mailing)
    return mailing, draft


_SAID = """
    UPDATE delivery_attempt SET reply = %s, transcript = %s::jsonb, status = '5.7.1', code = 550
    WHERE mailing_id = %s AND message_id IS NOT NULL
"""


def answered(mailing: Mailing) -> None:
    """Every reply a script, with line breaks; opened and clicked by a program that calls itself one."""
    told = {"host": SCRIPT, "tls": SCRIPT, "ehlo": SCRIPT, "said": [[0.1, "rcpt", SCRIPT], [0.2, "dot", SCRIPT]]}
    with connection.cursor() as cursor:
        cursor.execute(_SAID, [f"550 {SCRIPT}\n{SCRIPT}", json.dumps(told), mailing.pk])
    reader = Message.objects.get(mailing=mailing, rcpt="reader@mail.example")
    tracking.opened(WebToken(mailing.pk, reader.pk), SCRIPT)
    tracking.clicked(WebToken(mailing.pk, reader.pk), 0, SCRIPT)
    ref = keyring().return_path_local(reader.pk)
    raw = (
        f"From: {SHORT} <a@b.example>\r\nTo: {SHORT}\r\nSubject: {SCRIPT}\r\nX-Shirase-Ref: {ref}\r\n"
        f"X-Odd: {SCRIPT}\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{ENEMY}"
    )
    store.insert([store.Taken(SHORT, SHORT, raw.encode())])


def foreign_reports(reader: Message) -> list[int]:
    """A bounce and a complaint with our token, and one without: text, subjects, names and addresses of strangers."""
    said = f"550 5.1.1 {SHORT} {SCRIPT}"
    bounce = dsn(f'"{SHORT}"@mail.example', said, subject=SCRIPT, to=SHORT)
    bounce = bounce.replace(b"text/rfc822-headers", f'text/rfc822-headers; name="{SHORT}"'.encode())
    AddressFailure.objects.create(
        workspace=reader.mailing.workspace, address_key=SHORT, reason="full", state=AddressFailure.State.HELD,
        message_id=reader.pk + 1_000_000, detail={"reply": SCRIPT},
    )  # fmt: skip
    complaint = arf(SHORT, SHORT[:30], subject=SCRIPT)
    return [
        take(bounce, inlet=Inlet.LISTENER, rcpt=return_path(reader), source=SHORT).report,
        take(complaint, inlet=Inlet.IMAP, rcpt=return_path(reader), source=SHORT).report,
        take(bounce, inlet=Inlet.IMAP, rcpt=SCRIPT, source=SHORT).report,
    ]


def inlets() -> list[str]:
    """A mail store and a service that are called, and answer, with a script; and the help page asked about one."""
    store_of = ReturnMailbox.objects.create(
        name=SHORT, host=SHORT, username=SHORT, folder=SHORT, move_to=SHORT, problem="talk", problem_said=SCRIPT[:500],
        enabled=False,
    )  # fmt: skip
    hook = ReportWebhook.objects.create(provider=Inlet.SES, name=SHORT, topic=SCRIPT[:300])
    return [
        reverse("delivery:inlets"), reverse("delivery:mailbox", args=[store_of.pk]),
        reverse("delivery:webhook", args=[hook.pk]), reverse("delivery:help") + f"?q={quote(f'550 5.1.1 {SCRIPT}')}",
    ]  # fmt: skip


def reports(mailing: Mailing, campaign: Campaign, workspace: Workspace, owner: User) -> list[str]:
    """The campaign's tabs, its people, replies, messages, the mailbox, and what a reader reaches."""
    draft = editing.duplicate(campaign, owner)
    broken = editing.create(workspace, owner, name=SCRIPT[:200], html="{{ " + SCRIPT, subject=SCRIPT[:300])
    reader = Message.objects.get(mailing=mailing, rcpt="reader@mail.example")
    failed = Message.objects.filter(mailing=mailing).exclude(pk=reader.pk).earliest("pk")
    mail = SandboxMail.objects.latest("pk").pk
    own = SandboxMail.objects.filter(message_id=reader.pk).earliest("pk").pk
    assert reader.contact_id
    leave = keyring().unsubscribe_token(reader.contact_id, mailing.pk)
    foreign = foreign_reports(reader)
    odd = f"?q={quote(SCRIPT[:200])}&who={quote(SCRIPT)}&tag={quote(SHORT)}&cause={quote(SHORT)}"
    tabs = [(one.pk, tab) for one in (draft, broken) for tab in ("write", "audience", "send")]
    people_of = reverse("delivery:people", args=[mailing.pk])
    replies = reverse("delivery:replies", args=[mailing.pk])
    return [
        reverse("campaigns:list"), reverse("campaigns:list") + odd, reverse("contacts:list") + odd,
        reverse("accounts:audit") + odd, reverse("delivery:sandbox") + odd,
        *(reverse(f"campaigns:{tab}", args=[pk]) for pk, tab in tabs),
        *(reverse("campaigns:write", args=[draft.pk]) + f"?part={part}" for part in ("text", "headers", "source")),
        reverse("campaigns:letter", args=[draft.pk]),
        reverse("campaigns:report", args=[campaign.pk]),
        *(f"{people_of}?outcome={one}&cause={quote(SHORT)}" for one in ("delivered", "failed")),
        f"{people_of}?outcome=failed", f"{replies}?outcome=failed", f"{replies}?outcome=failed&cause={quote(SHORT)}",
        *(reverse("delivery:message", args=[one.pk]) + part for one in (reader, failed) for part in ("", "?part=copy")),
        *(reverse("delivery:message", args=[reader.pk]) + f"?part={part}" for part in ("text", "source", "headers")),
        reverse("delivery:copy", args=[reader.pk]),
        reverse("delivery:reports"), reverse("delivery:reports") + "?of=nobody",
        *(reverse("delivery:report", args=[pk]) for pk in foreign),
        f"{people_of}?outcome=bounced", reverse("contacts:suppressions"), reverse("delivery:held_stops"),
        reverse("delivery:sandbox"),
        *(reverse("delivery:sandbox_mail", args=[pk]) + part for pk in (mail, own) for part in PARTS),
        *(reverse("delivery:sandbox_letter", args=[pk]) for pk in (mail, own)),
        reverse("delivery:view", args=[keyring().web_token(WebPurpose.VIEW, mailing.pk, reader.pk)]),
        reverse("delivery:unsubscribe", args=[leave]), reverse("delivery:preferences", args=[leave]),
        reverse("analytics:health"), reverse("analytics:health") + odd, reverse("analytics:health_codes"),
        reverse("analytics:health_replies") + "?cause=no_such_user",
    ]  # fmt: skip


PARTS = ("", "?part=text", "?part=headers", "?part=raw", "?part=source")


if __name__ == "__main__":
    print(json.dumps(write_all(*sys.argv[1:3])))
