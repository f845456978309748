from __future__ import annotations

import datetime as dt
import re

import pytest
import time_machine
from axes.models import AccessAttempt
from django.core import mail
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditEntry, User, Workspace
from delivery.models import FromAddress, Message, Route, SendingDomain
from tests.accounts.conftest import PASSWORD
from tests.accounts.hashing import LightArgon2

pytestmark = pytest.mark.django_db
LOCKED = 429


@pytest.fixture(autouse=True)
def locmem(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    cache.clear()  # it counts the resets


def sign_in(client: Client, email: str, password: str, *, address: str = "192.0.2.1", **more: str):
    return client.post("/login", {"login": email, "password": password, **more}, REMOTE_ADDR=address)


def is_in(client: Client) -> bool:
    return client.get("/profile").status_code == 200


def test_a_person_signs_in_by_email_however_they_type_it(client: Client, admin: User) -> None:
    assert sign_in(client, "KEIKO@minori.example", PASSWORD).headers["Location"] == "/"
    assert is_in(client)
    assert "Successfully" not in client.get("/profile").content.decode()


def test_passwords_are_kept_as_argon2id(admin: User) -> None:
    assert admin.password.startswith("argon2$argon2id$")


def test_without_the_tick_the_session_ends_with_the_browser(client: Client, admin: User) -> None:
    assert sign_in(client, admin.email, PASSWORD).cookies["sessionid"]["max-age"] == ""
    client.post("/logout")
    assert sign_in(client, admin.email, PASSWORD, remember="on").cookies["sessionid"]["max-age"] == 14 * 24 * 3600


def test_the_session_is_a_new_one_after_sign_in(client: Client, admin: User) -> None:
    client.get("/login")
    session = client.session
    session["x"] = 1
    session.save()
    before = session.session_key
    sign_in(client, admin.email, PASSWORD)
    assert client.session.session_key != before


def test_known_and_unknown_people_get_the_same_answer(client: Client, admin: User) -> None:
    answers = [sign_in(client, email, "wrong password") for email in (admin.email, "nobody@minori.example")]
    token = re.compile(r'(value|content|data-now)="[^"]+"')
    assert answers[0].status_code == answers[1].status_code
    assert token.sub("", answers[0].content.decode()) == token.sub("", answers[1].content.decode())
    assert "Email and password do not match" in answers[0].content.decode()


def test_unknown_people_wait_for_as_many_hashes_as_known_ones(client: Client, admin: User) -> None:
    hashes = []
    for email in (admin.email, "nobody@minori.example"):
        before = LightArgon2.hashed
        sign_in(client, email, "wrong password")
        hashes.append(LightArgon2.hashed - before)
    assert hashes == [1, 1]


@pytest.mark.parametrize("email", ["keiko@minori.example", "nobody@minori.example"])
def test_an_account_is_closed_after_ten_failures_from_one_address_and_nobody_else_is(
    client: Client, admin: User, email: str
) -> None:
    """Known or not. A whole office behind that address goes on working, and the person too, from elsewhere."""
    colleague = User.objects.create_user("mallory@minori.example", PASSWORD, name="Mallory")
    for _ in range(10):
        answer = sign_in(client, email, "wrong password")
    assert answer.status_code == LOCKED
    answer = sign_in(client, email.upper(), PASSWORD)
    assert answer.status_code == LOCKED and not is_in(client)
    assert sign_in(Client(), colleague.email, PASSWORD).status_code == 302
    assert sign_in(Client(), admin.email, PASSWORD, address="198.51.100.1").status_code == 302


def test_a_name_that_is_far_too_long_is_wrong_like_any_other(client: Client, admin: User) -> None:
    answers = [sign_in(client, "a" * 300 + "@minori.example", "wrong password") for _ in range(10)]
    assert [answer.status_code for answer in answers] == [200] * 9 + [LOCKED]


def failed_before(email: str, address: str, times: int, agent: str = "") -> None:
    AccessAttempt.objects.create(
        username=email, ip_address=address, user_agent=agent, failures_since_start=times, attempt_time=timezone.now()
    )


def test_an_account_is_closed_after_fifty_failures_from_anywhere(client: Client, admin: User) -> None:
    for number in range(7):
        failed_before(admin.email, f"192.0.2.{number}", 7)
    assert sign_in(client, admin.email, "wrong password", address="198.51.100.1").status_code == LOCKED
    assert sign_in(client, admin.email, PASSWORD, address="198.51.100.2").status_code == LOCKED


def test_an_address_is_closed_after_a_hundred_failures_for_anybody(client: Client, admin: User) -> None:
    for number in range(11):
        failed_before(f"person{number}@minori.example", "192.0.2.1", 9)
    assert sign_in(client, "one@minori.example", "wrong password").status_code == LOCKED
    assert sign_in(client, admin.email, PASSWORD).status_code == LOCKED
    assert sign_in(client, admin.email, PASSWORD, address="198.51.100.1").status_code == 302


def test_whoever_is_locked_out_reads_for_how_long_still(client: Client, admin: User) -> None:
    with time_machine.travel("2026-12-01T09:00Z", tick=False) as clock:
        for _ in range(10):
            answer = sign_in(client, admin.email, "wrong password")
        assert "opens again in 15 minutes" in answer.content.decode()
        clock.shift(dt.timedelta(minutes=8, seconds=30))
        client.cookies["django_language"] = "ja"
        page = sign_in(client, admin.email, PASSWORD).content.decode()
        assert "あと7分" in page
        clock.shift(dt.timedelta(minutes=6, seconds=31))
        assert sign_in(client, admin.email, PASSWORD).status_code == 302


def test_a_password_set_by_mail_opens_the_account_again(client: Client, admin: User) -> None:
    for _ in range(10):
        sign_in(client, admin.email, "wrong password")
    client.post("/password/reset", {"email": admin.email})
    form = client.get(reset_link(admin.email)).headers["Location"]
    client.post(form, {"password1": "another-long-one-7", "password2": "another-long-one-7"})
    assert sign_in(client, admin.email, "another-long-one-7").status_code == 302


def test_a_success_in_between_does_not_buy_more_guesses(client: Client, admin: User) -> None:
    User.objects.create_user("mallory@minori.example", PASSWORD, name="Mallory")
    for _ in range(9):
        sign_in(client, admin.email, "wrong password")
    assert sign_in(Client(), "mallory@minori.example", PASSWORD).status_code == 302
    assert sign_in(client, admin.email, "wrong password").status_code == LOCKED


def test_a_forged_forwarded_header_does_not_make_a_new_address(client: Client, admin: User) -> None:
    for number in range(11):
        failed_before(f"person{number}@minori.example", "192.0.2.1", 9)
        answer = client.post(
            "/login",
            {"login": f"p{number}@minori.example", "password": "wrong password"},
            REMOTE_ADDR="192.0.2.1",
            HTTP_X_FORWARDED_FOR=f"203.0.113.{number}, 203.0.113.{number}",
        )
    assert answer.status_code == LOCKED


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "\\\\evil.example", "javascript:alert(1)"]
)
def test_next_stays_on_this_host(client: Client, admin: User, target: str) -> None:
    assert sign_in(client, admin.email, PASSWORD, next=target).headers["Location"] == "/"
    for path in ("/preferences", "/notices/read"):
        assert client.post(path, {"next": target}).headers["Location"] in ("/", "/notices")


def test_next_on_this_host_is_followed(client: Client, admin: User) -> None:
    answer = sign_in(client, admin.email, PASSWORD, next="/settings/team?x=1")
    assert answer.headers["Location"] == "/settings/team?x=1"


def test_changing_the_password_ends_every_other_session(admin: User) -> None:
    here, elsewhere = Client(), Client()
    for client in (here, elsewhere):
        sign_in(client, admin.email, PASSWORD)
    answer = here.post("/profile/password", {"old": PASSWORD, "new": "another-long-one-7"})
    assert answer.status_code == 302
    assert is_in(here) and not is_in(elsewhere)
    assert AuditEntry.objects.filter(action="user.password_changed", actor=admin).exists()


def test_the_old_password_is_asked_for(client: Client, admin: User) -> None:
    sign_in(client, admin.email, PASSWORD)
    answer = client.post("/profile/password", {"old": "wrong", "new": "another-long-one-7"})
    assert answer.status_code == 422 and "not your current password" in answer.content.decode()
    assert User.objects.get().check_password(PASSWORD)


def test_a_stolen_session_is_no_way_to_guess_the_password(client: Client, admin: User) -> None:
    sign_in(client, admin.email, PASSWORD)
    for number in range(10):
        answer = client.post("/profile/password", {"old": f"guess {number}", "new": "another-long-one-7"})
    assert answer.status_code == LOCKED
    assert client.post("/profile/password", {"old": PASSWORD, "new": "another-long-one-7"}).status_code == LOCKED
    kept = str(list(AccessAttempt.objects.values()))
    assert admin.email in kept and "guess" not in kept and "another-long" not in kept
    assert User.objects.get().check_password(PASSWORD)


def reset_link(address: str) -> str:
    (message,) = mail.outbox
    assert message.to == [address]
    found = re.search(r"http://[^/]+(/password/reset/\S+)", str(message.body))
    assert found
    return found[1]


def test_a_reset_link_sets_a_password_once_and_ends_all_sessions(client: Client, admin: User) -> None:
    elsewhere = Client()
    sign_in(elsewhere, admin.email, PASSWORD)
    assert client.post("/password/reset", {"email": admin.email}).headers["Location"] == "/password/reset/sent"
    link = reset_link(admin.email)
    form = client.get(link).headers["Location"]
    new = {"password1": "another-long-one-7", "password2": "another-long-one-7"}
    assert client.post(form, new).headers["Location"] == "/password/reset/done"
    assert not is_in(elsewhere)
    assert "no longer works" in Client().get(link).content.decode()
    assert sign_in(client, admin.email, "another-long-one-7").status_code == 302


def live_route(workspace: Workspace) -> None:
    domain = SendingDomain.objects.create(
        workspace=workspace, name="minori.example", verified_at=timezone.now(), live_at=timezone.now()
    )
    FromAddress.objects.create(workspace=workspace, sending_domain=domain, local_part="a", name="Minori")
    Route.objects.create(name="Office", kind=Route.Kind.SMARTHOST, host="mail.minori.example").workspaces.add(workspace)


def test_the_reset_pages_name_the_way_out_as_long_as_no_mail_leaves_this_server(client: Client, admin: User) -> None:
    workspace = admin.memberships.get().workspace
    paths = ("/password/reset", "/password/reset/sent")
    for path in paths:
        page = client.get(path).content.decode()
        assert "manage.py changepassword" in page and "sandbox mailbox" in page
    live_route(workspace)
    for path in paths:
        assert "changepassword" not in client.get(path).content.decode()
    Route.objects.update(paused_at=timezone.now())
    assert "changepassword" in client.get(paths[0]).content.decode()
    Route.objects.update(paused_at=None)
    SendingDomain.objects.update(verified_at=None)  # its key is no longer found
    assert "changepassword" in client.get(paths[0]).content.decode()


def test_a_password_is_set_on_the_server_as_the_page_says(
    client: Client, admin: User, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sign_in(client, admin.email, PASSWORD)
    for _ in range(10):
        sign_in(Client(), admin.email, "wrong password")
    monkeypatch.setattr("getpass.getpass", lambda prompt: "another-long-one-7")
    call_command("changepassword", "Keiko@minori.example")
    assert "signed out everywhere" in capsys.readouterr().out and not is_in(client)
    assert sign_in(client, admin.email, "another-long-one-7").status_code == 302
    assert AuditEntry.objects.get(action="user.password_set").label == str(admin)
    with pytest.raises(CommandError, match="nobody@minori"):
        call_command("changepassword", "nobody@minori.example")


def test_a_reset_for_nobody_answers_the_same_and_mails_nobody(client: Client, admin: User) -> None:
    answer = client.post("/password/reset", {"email": "nobody@minori.example"})
    assert answer.headers["Location"] == "/password/reset/sent" and not mail.outbox


def test_a_reset_for_nobody_is_as_much_work_and_leaves_nothing(client: Client, admin: User, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "delivery.mail.EmailBackend"
    client.post("/password/reset", {"email": admin.email})  # makes the sandbox's route and address
    done = []
    for email in (admin.email, "nobody@minori.example"):
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            client.post("/password/reset", {"email": email})
        done.append(sorted(query["sql"].split(" ", 1)[0] for query in queries))
    assert len(done[0]) > 20 and abs(len(done[0]) - len(done[1])) <= 5, done
    assert set(Message.objects.values_list("rcpt", flat=True)) == {admin.email}


def test_a_reset_link_leads_to_our_own_address_whatever_the_request_says(
    client: Client, admin: User, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    client.post("/password/reset", {"email": admin.email}, headers={"host": "evil.example"})
    (message,) = mail.outbox
    assert f"{settings.BASE_URL}/password/reset/" in str(message.body) and "evil.example" not in str(message.body)


def test_a_reset_mail_speaks_the_language_of_the_person(client: Client, admin: User) -> None:
    User.objects.update(language="ja")
    client.post("/password/reset", {"email": admin.email})
    assert mail.outbox[0].subject == "Shiraseパスワードの再設定"


def test_nobody_signs_up_uninvited(client: Client, admin: User) -> None:
    data = {"email": "mallory@minori.example", "password1": PASSWORD}
    for answer in (client.get("/signup"), client.post("/signup", data)):
        assert "By invitation only" in answer.content.decode()
    assert User.objects.count() == 1


def test_a_fragment_of_a_signed_out_person_sends_the_whole_page_to_sign_in(client: Client, admin: User) -> None:
    headers = {"HTTP_HX_REQUEST": "true", "HTTP_HX_CURRENT_URL": "http://testserver/settings/team"}
    answer = client.get("/jobs/1", **headers)
    assert answer.headers["HX-Redirect"] == "/login?next=/settings/team"


def test_posts_need_the_csrf_token(admin: User) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = sign_in(client, admin.email, PASSWORD)
    assert answer.status_code == 403 and "This page was open for too long" in answer.content.decode()
    assert client.post("/preferences", {"theme": "dark"}).status_code == 403


def test_asking_for_many_resets_is_slowed(client: Client, admin: User) -> None:
    answers = [client.post("/password/reset", {"email": admin.email}) for _ in range(6)]
    assert answers[-1].status_code == LOCKED and len(mail.outbox) == 5
    assert "Wait a minute" in answers[-1].content.decode()
