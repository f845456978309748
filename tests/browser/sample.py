"""What the pages show in pictures and in accessibility tests: made through the product's own functions.

Run inside the product's settings after set-up: `python -m tests.browser.sample` prints the values for `pages`.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import time

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()

from django.utils import timezone

from accounts import api_keys, jobs, notices, team
from accounts.models import Role, User, Workspace
from campaigns import again, audience, editing, launching, starters
from campaigns.models import Campaign
from contacts import bulk, importing, subscriptions
from contacts.models import Bulk, Contact, Field, Import, List, Suppression
from delivery import confirming, domains, routes, tracking, warmup, warmups
from delivery.bounces.taking import take
from delivery.keyring import keyring
from delivery.models import (
    Inlet,
    Mailing,
    Message,
    MessageState,
    ReportWebhook,
    ReturnMailbox,
    Route,
    SandboxMail,
    WarmUp,
)
from delivery.tokens import ConfirmToken, WebPurpose, WebToken
from tests.browser.pages import Values
from tests.delivery.bounces.mails import arf, dsn, return_path

SENT_WITHIN = 120
READER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"


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


COLUMNS = "メールアドレス,氏名,ふりがな,都道府県,登録日,メルマガ許可,会員ランク,備考"
CUSTOMERS = (
    "hanako.y@docomo.example,山田 花子,やまだ はなこ,東京都,2024/03/18,1,ゴールド,",
    "ｋｅｎ＠mail.example,佐藤 健,さとう けん,静岡県,2023/11/02,1,,電話希望",
    "akari@au.example,中村 あかり,なかむら あかり,京都府,2022/01/27,0,シルバー,贈答用",
    "yu.sasaki@softbank.example,佐々木 優,ささき ゆう,大阪府,2025/06/30,1,ゴールド,",
    "yu.sasaki@softbank.example,佐々木 優,ささき ゆう,大阪府,2025/06/30,1,ゴールド,",
    "住所なし,小野寺 健太郎,おのでら けんたろう,宮城県,2021/09/09,1,,",
)


def contacts(workspace: Workspace, owner: User) -> Values:
    """Imports at each step of the way, a field, a tag for many at once, a person who asked us to stop."""
    ended = confirmed(import_to(Import.State.CHECKED, workspace, owner), owner)
    checked = import_to(Import.State.CHECKED, workspace, owner)
    open_ = import_to(Import.State.UPLOADED, workspace, owner)
    reader = Contact.objects.of(workspace).filter(address__startswith="hanako.y@").get()
    stopped = Contact.objects.of(workspace).filter(sample=True).latest("pk")
    subscriptions.suppress(workspace, stopped.address_key, "manual", source="page", note="Asked by phone", actor=owner)
    field = Field.objects.create(workspace=workspace, key="shop", label="Nearest shop")
    tagged = bulk.start(workspace, Bulk.Action.TAG, {"tag": "VIP"}, {"ids": [reader.pk]}, by=owner, expected=1)
    suppression = Suppression.objects.of(workspace).filter(address_key=stopped.address_key).get()
    imports = [{"pk": ended.pk, "label": "done"}, {"pk": checked.pk, "label": "checked"}]
    return [
        ("contacts:import_result", imports),
        ("contacts:import_problems", [{"pk": ended.pk}]),
        ("contacts:import_*", [{"pk": open_.pk}]),
        ("contacts:*list*", [{"pk": List.objects.of(workspace).earliest("pk").pk}]),
        ("contacts:field*", [{"field": field.pk}]),
        ("contacts:suppression*", [{"suppression": suppression.pk}]),
        ("contacts:bulk*", [{"bulk": tagged.pk}]),
        (
            "contacts:contact",
            [{"contact": reader.pk, "label": "imported"}, {"contact": stopped.pk, "label": "stopped"}],
        ),
        ("contacts:*", [{"contact": reader.pk}]),
    ]


def import_to(state: str, workspace: Workspace, owner: User) -> Import:
    """A file of a Japanese shop as Excel saves it; up to the dry run if so wished."""
    text = "\r\n".join((COLUMNS, *CUSTOMERS))
    imported = importing.receive(workspace, "aki-no-ichi.csv", [text.encode("cp932")], owner)
    if state == Import.State.UPLOADED:
        return imported
    everyone = List.objects.of(workspace).earliest("pk").pk
    options = importing.Options(lists=[everyone], tags=["autumn"], statement="Sign-up form of the shop")
    assert importing.decide(imported, imported.mapping, options)
    return wait_for(imported, state)


def confirmed(imported: Import, owner: User) -> Import:
    assert importing.confirm(imported, owner)
    return wait_for(imported, Import.State.DONE)


def wait_for(imported: Import, state: str) -> Import:
    """The product's own worker does it."""
    deadline = time.monotonic() + SENT_WITHIN
    while imported.state != state:
        assert time.monotonic() < deadline, f"the import is {imported.state}, not {state}"
        time.sleep(0.5)
        imported.refresh_from_db()
    return imported


def sending(workspace: Workspace, owner: User) -> Values:
    """A domain whose records nobody has set, a smarthost, and a draft that they keep from being sent."""
    domain = domains.add(workspace, "hello.minori.example", actor=owner)
    address = domain.from_addresses.create(workspace=workspace, local_part="news", name="実り茶舗")
    route = Route.objects.create(name="Office relay", kind=Route.Kind.SMARTHOST, host="127.0.0.1", username="minori")
    route.workspaces.add(workspace)
    began = timezone.now() - dt.timedelta(days=2)
    plan = warmups.save(route, "", starts_at=began, caps=warmup.USUAL, actor=owner)
    WarmUp.objects.filter(pk=plan.pk).update(sent=[200, 384, 512])
    direct = Route.objects.create(name="Direct", kind=Route.Kind.DIRECT)
    routes.limit_site(direct, "gmail", {"per_second": 5}, actor=owner)
    routes.pause_provider(direct, "docomo", actor=owner)
    hook = ReportWebhook.objects.create(name="SES of the shop", provider=Inlet.SES, called_at=timezone.now(), events=37)
    returns = ReturnMailbox.objects.create(
        name="Returns", host="127.0.0.1", port=1, username="bounces@minori.example", looked_at=began, seen=1204,
        taken=37, problem=ReturnMailbox.Problem.SIGN_IN, problem_said="NO [AUTHENTICATIONFAILED] Invalid credentials",
        enabled=False,
    )  # fmt: skip
    ReturnMailbox.objects.filter(pk=returns.pk).update(enabled=True, due_at=timezone.now() + dt.timedelta(days=9))
    stopped = write(workspace, owner, "en/newsletter", "Spring letter")
    return [
        (
            "campaigns:send",
            [
                {"pk": stopped.pk, "label": "stopped"},
                {"pk": stopped.pk - 5, "label": "ready"},
                {"pk": stopped.pk - 3, "label": "scheduled"},
                {"pk": stopped.pk - 1, "label": "again"},
            ],
        ),
        ("delivery:domain*", [{"pk": domain.pk}]),
        ("delivery:host_proof", [{"nonce": "0"}]),
        ("delivery:host_known", [{"label": "refused"}]),
        ("delivery:address_add", [{"pk": domain.pk}]),
        ("delivery:address_*", [{"pk": address.pk}]),
        ("delivery:webhook*", [{"pk": hook.pk}]),
        ("delivery:report_hook", [{"provider": hook.provider, "token": hook.token}]),
        ("delivery:mailbox*", [{"pk": returns.pk}]),
        ("delivery:provider_hold", [{"pk": route.pk}]),
        ("delivery:warm_up", [{"pk": route.pk}]),
        ("delivery:warm_up_*", [{"pk": plan.pk}]),
        ("delivery:route*", [{"pk": route.pk}, {"pk": direct.pk, "label": "direct"}]),
    ]


def write(workspace: Workspace, owner: User, starter: str, name: str) -> Campaign:
    template = starters.everything()[starter]
    draft = editing.create(workspace, owner, name=name, include_lists=[List.objects.of(workspace).earliest("pk").pk])
    draft = editing.save(draft, draft.version, {**template.values(draft), "language": template.language}, owner)
    audience.funnel(draft)
    return draft


def campaigns(workspace: Workspace, owner: User) -> Values:
    """A draft in each language, one that waits for its hour, one that the sandbox has received and people have
    read, and one for those of it who failed."""
    english, japanese = (write(workspace, owner, f"{code}/{kind}", name) for code, kind, name in DRAFTS)
    waiting = write(workspace, owner, "en/newsletter", "December letter")
    launching.schedule(waiting, by=owner, actor=owner, at=timezone.now() + dt.timedelta(days=6), zone="Asia/Tokyo")
    sent = write(workspace, owner, "en/newsletter", "Autumn harvest")
    mailing = launching.schedule(sent, by=owner, actor=owner)
    launching.start_now(Campaign.objects.get(pk=sent.pk), actor=owner)
    wait_for_end(mailing)
    read_some(mailing)
    once_more, _new = again.choose(sent, "failed", by=owner)
    each = [
        {"pk": english.pk, "label": "draft"},
        {"pk": japanese.pk, "label": "ja draft"},
        {"pk": waiting.pk, "label": "scheduled"},
        {"pk": sent.pk, "label": "sent"},
        {"pk": once_more.pk, "label": "again"},
    ]
    replies = ("analytics:health_replies", [{"query": "?cause=no_such_user"}])
    health = ("analytics:health", [{}, {"label": "cause", "query": "?cause=no_such_user&days=1"}])
    return [("campaigns:*", each), replies, health, ("analytics:*", [{"pk": sent.pk}]), *received(mailing)]


DRAFTS = (("en", "newsletter", "Winter gift guide"), ("ja", "newsletter", "冬の贈りものガイド"))


def wait_for_end(mailing: Mailing) -> None:
    """The product's own workers send it."""
    deadline = time.monotonic() + SENT_WITHIN
    while Mailing.objects.get(pk=mailing.pk).state != Mailing.State.FINISHED:
        assert time.monotonic() < deadline, f"not sent in {SENT_WITHIN} s: {Mailing.objects.get(pk=mailing.pk).state}"
        time.sleep(0.5)


def read_some(mailing: Mailing) -> None:
    """People open it, and some follow a link; a scanner opens it as well."""
    delivered = list(Message.objects.filter(mailing=mailing, state=MessageState.DELIVERED).order_by("pk")[:120])
    for place, message in enumerate(delivered):
        token = WebToken(mailing.pk, message.pk)
        tracking.opened(token, "GoogleImageProxy" if place % 4 == 0 else READER)
        if place % 5 == 0:
            tracking.clicked(token, 1, READER)


REPORTS: dict[str, int] = {}


def bounced_later(mailing: Mailing) -> Message:
    """One of the delivered; and a report that nobody signed."""
    message = Message.objects.filter(mailing=mailing, state=MessageState.DELIVERED).latest("pk")
    raw = dsn(message.rcpt, "550 5.2.1 <x>: mailbox disabled, not accepting messages")
    REPORTS["token"] = take(raw, inlet=Inlet.LISTENER, rcpt=return_path(message)).report
    REPORTS["nobody"] = take(arf("somebody@example.net"), inlet=Inlet.IMAP, source="bounces@example.com").report
    message.refresh_from_db()
    return message


def who_complained(mailing: Mailing) -> tuple[str, str]:
    """The tokens of somebody's preferences page, and of the link by which they would come back."""
    contact = Contact.objects.filter(messages__mailing=mailing).earliest("pk")
    subscriptions.suppress(mailing.workspace_id, contact.address_key, Suppression.Reason.COMPLAINT, source="report")
    stop, until = subscriptions.stop_of(contact), int(time.time() + confirming.VALID.total_seconds()) + 1
    assert stop
    again = ConfirmToken(contact.pk, mailing.pk, stop.pk, until)
    return keyring().unsubscribe_token(contact.pk, mailing.pk), keyring().confirm_token(again)


def received(mailing: Mailing) -> Values:
    """Messages of each outcome, the mails in the sandbox mailbox, and what a reader can reach."""
    by_state = {
        state.name.lower(): Message.objects.filter(mailing=mailing, state=state).earliest("pk")
        for state in (MessageState.DELIVERED, MessageState.FAILED)
    }
    by_state["bounced"] = bounced_later(mailing)
    reader = by_state["delivered"]
    keys = keyring()
    web = keys.web_token(WebPurpose.CLICK, mailing.pk, reader.pk)
    assert reader.contact_id
    leave = keys.unsubscribe_token(reader.contact_id, mailing.pk)
    complained, again = who_complained(mailing)
    outcomes = ("delivered", "bounced", "failed", "excluded")
    return [
        ("delivery:sandbox_*", [{"pk": SandboxMail.objects.latest("pk").pk}]),
        (
            "delivery:message",
            [{"pk": one.pk, "label": state} for state, one in by_state.items()]
            + [{"pk": reader.pk, "label": "copy", "query": "?part=copy"}],
        ),
        ("delivery:copy", [{"pk": reader.pk}]),
        ("delivery:report", [{"pk": pk, "label": kind} for kind, pk in REPORTS.items()]),
        ("delivery:people", [{"pk": mailing.pk, "label": one, "query": f"?outcome={one}"} for one in outcomes]),
        ("delivery:*", [{"pk": mailing.pk}]),
        ("delivery:open", [{"token": keys.web_token(WebPurpose.OPEN, mailing.pk, reader.pk)}]),
        ("delivery:click", [{"token": web, "number": 1}]),
        ("delivery:view", [{"token": keys.web_token(WebPurpose.VIEW, mailing.pk, reader.pk)}]),
        ("delivery:help_cause", [{"cause": "no_such_user"}]),
        ("delivery:preferences", [{"token": leave}, {"token": complained, "label": "complained"}]),
        ("delivery:confirm", [{"token": again}]),
        ("delivery:*", [{"token": leave}]),
    ]


def furnish() -> Values:
    workspace = Workspace.objects.get()
    owner = User.objects.get(is_install_admin=True)
    assert Contact.objects.of(workspace).count() == 500
    made = campaigns(workspace, owner)  # before there is a From address that is not the sandbox's
    return [*people(workspace, owner), *contacts(workspace, owner), *sending(workspace, owner), *made]


if __name__ == "__main__":
    print(json.dumps(furnish()))
