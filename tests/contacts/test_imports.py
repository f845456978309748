"""A file of people from upload to result and back, on a real database."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest
import time_machine
from django.db import OperationalError, connection
from django.utils import timezone

from accounts import jobs
from accounts.models import Job, Notice, User, Workspace
from contacts import counts, importing, sample, subscriptions
from contacts.importing import Options, running, staging
from contacts.models import ConsentRecord, Contact, Field, Import, ImportRow, List, StagedRow, Subscription

FILE = """email,name,rank,joined,tags
hanako@docomo.example,山田 花子,gold,2024/03/18,VIP
ken@mail.example,Ken Sato,silver,2023-11-02,"VIP, tea"
Ken@Mail.example,Ken Again,gold,,
a..b@docomo.ne.jp,佐藤 健,,2022-01-27,
nobody,No Body,,,
ａｎａ＠mail.example,Ana Ruiz,gold,someday,
gone@mail.example,Gone,,,
"""
MAPPING = ["address", "full_name", "new:text", "new:date", "tags"]


def run(imported: Import, seconds: float = 60) -> Import:
    """What the workers do until the job has ended."""
    imported.refresh_from_db()
    while importing.advance(imported.job_id or 0, seconds):
        pass
    return Import.objects.select_related("job").get(pk=imported.pk)


def upload(workspace: Workspace, text: str = FILE, name: str = "autumn.csv") -> Import:
    return importing.receive(workspace, name, [text.encode()], None)


def bring(workspace: Workspace, text: str = FILE, mapping: list[str] | None = None, **options: object) -> Import:
    imported = upload(workspace, text)
    assert importing.decide(imported, mapping or MAPPING, Options(**options))  # type: ignore[arg-type]
    imported = run(imported)
    assert imported.state == "checked", imported.problem
    assert importing.confirm(imported, None)
    return run(imported)


def of_rows(of: dict[str, int]) -> dict[str, int]:
    return {name: of[name] for name in of if of[name]}


def problems(imported: Import) -> list[tuple[int, str, str]]:
    found = ImportRow.objects.filter(imported=imported).order_by("row", "category")
    return list(found.values_list("row", "category", "reason"))


def test_every_row_ends_in_one_category_with_its_reason(workspace: Workspace, hanako: Contact, news: List) -> None:
    subscriptions.suppress(workspace, "gone@mail.example", "no_such_user", source="reply")
    imported = bring(workspace, lists=[news.pk], tags=["autumn"], statement="Signed up at the shop")

    assert imported.state == "done"
    assert of_rows(imported.counts) == {
        "added": 3, "updated": 1, "duplicate": 1, "invalid": 1, "suppressed": 1, "field": 1, "fixed": 1,
    }  # fmt: skip
    assert sum(imported.counts.get(name, 0) for name in importing.problems.OF_ROWS) == imported.rows == 7
    assert problems(imported) == [
        (4, "duplicate", "duplicate"),
        (6, "invalid", "no_at"),
        (7, "field", "date"),
        (7, "fixed", "fixed"),
        (8, "suppressed", "no_such_user"),
    ]
    hanako.refresh_from_db()
    assert hanako.fields == {"rank": "gold", "joined": "2024-03-18"}
    assert (hanako.tags, hanako.address) == (["autumn", "VIP"], "Hanako@docomo.example")
    assert list(Contact.objects.exclude(pk=hanako.pk).order_by("pk").values_list("address", "last_name", "tags")) == [
        ("ken@mail.example", "Sato", ["autumn", "VIP", "tea"]),
        ("a..b@docomo.ne.jp", "佐藤", ["autumn"]),
        ("ana@mail.example", "Ruiz", ["autumn"]),
    ]
    assert list(Field.objects.values_list("key", "label", "kind")) == [
        ("rank", "rank", "text"),
        ("joined", "joined", "date"),
    ]
    record = ConsentRecord.objects.filter(contact=hanako).get()
    assert (record.list, record.action, record.statement, record.imported_id) == (
        news, "subscribed", "Signed up at the shop", imported.pk,
    )  # fmt: skip
    assert counts.members(workspace, [news.pk])[news.pk] == counts.Members(4, 0)
    assert counts.people(workspace).total == 4
    assert not StagedRow.objects.exists()


def test_the_dry_run_says_what_the_import_then_does_and_changes_nothing(
    workspace: Workspace, hanako: Contact, news: List
) -> None:
    subscriptions.suppress(workspace, "gone@mail.example", "no_such_user", source="reply")
    subscriptions.unsubscribe(hanako, [news], source="link")
    imported = upload(workspace)
    importing.decide(imported, MAPPING, Options(lists=[news.pk]))
    imported = run(imported)
    expected = dict(imported.estimate)
    assert Contact.objects.get() == hanako and not Field.objects.exists() and news.subscriptions.count() == 1
    importing.confirm(imported, None)
    assert of_rows(run(imported).counts) == of_rows(expected)


def test_an_import_never_resubscribes_anyone(workspace: Workspace, hanako: Contact, news: List) -> None:
    subscriptions.subscribe(hanako, [news], source="page")
    subscriptions.unsubscribe(hanako, [news], source="link")
    imported = bring(workspace, lists=[news.pk])
    assert Subscription.objects.get(contact=hanako).state == "unsubscribed"
    assert imported.counts["kept"] == 1
    assert (2, "kept", "kept_away") in problems(imported)


def test_who_stopped_all_mail_is_left_as_they_are(workspace: Workspace, hanako: Contact, news: List) -> None:
    subscriptions.unsubscribe(hanako, source="link")
    before = hanako.values()
    bring(workspace, lists=[news.pk])
    hanako.refresh_from_db()
    assert hanako.values() == before
    assert not hanako.subscriptions.exists()


def test_the_same_file_again_changes_nothing(workspace: Workspace, news: List) -> None:
    bring(workspace, lists=[news.pk])
    again = bring(workspace, mapping=["address", "full_name", "field:rank", "field:joined", "tags"], lists=[news.pk])
    assert of_rows(again.counts) == {"unchanged": 5, "duplicate": 1, "invalid": 1, "field": 1, "fixed": 1}


def test_empty_cells_keep_or_erase(workspace: Workspace) -> None:
    bring(workspace, "email,first,rank\na@m.example,Ann,gold\n", ["address", "first_name", "new:text"])
    text, mapping = "email,first,rank\na@m.example,,\n", ["address", "first_name", "field:rank"]
    assert of_rows(bring(workspace, text, mapping).counts) == {"unchanged": 1}
    assert of_rows(bring(workspace, text, mapping, keep_empty=False).counts) == {"updated": 1}
    person = Contact.objects.get()
    assert (person.first_name, person.fields) == ("", {})


def test_people_who_are_here_stay_as_they_are_when_asked(workspace: Workspace, hanako: Contact, news: List) -> None:
    before = hanako.values()
    imported = bring(workspace, update=False, lists=[news.pk])
    hanako.refresh_from_db()
    assert hanako.values() == before
    assert (imported.counts["updated"], hanako.subscriptions.count()) == (1, 1)  # only put on the list


def test_a_no_in_the_consent_column_puts_on_no_list(workspace: Workspace, news: List) -> None:
    text = "email,許可\na@m.example,1\nb@m.example,0\nc@m.example,\nd@m.example,たぶん\n"
    bring(workspace, text, ["address", "consent"], lists=[news.pk])
    assert Contact.objects.count() == 4
    assert list(news.subscriptions.values_list("contact__address", flat=True)) == ["a@m.example"]


def test_lists_of_another_workspace_are_nobodys(workspace: Workspace, other_workspace: Workspace) -> None:
    foreign = List.objects.create(workspace=other_workspace, name="Foreign", list_id_label="foreign")
    imported = bring(workspace, lists=[foreign.pk])
    assert Options.of(imported.options).lists == []
    assert not Subscription.objects.exists()


def many(rows: int) -> str:
    lines = (f"p{n % (rows - 7)}@m.example,Person {n},{'bad' if n % 11 == 0 else '2024-01-02'}" for n in range(rows))
    return "email,name,joined\n" + "\n".join(lines) + "\n"


def test_a_worker_that_dies_at_any_moment_leaves_no_row_twice_and_none_out(
    workspace: Workspace, news: List, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slices of 50 rows; the transaction of every third one is cut off before it commits, as by kill -9."""
    monkeypatch.setattr(staging, "SLICE", 50)
    monkeypatch.setattr("contacts.importing.applying.SLICE", 50)
    imported = upload(workspace, many(1000))
    importing.decide(imported, ["address", "full_name", "new:date"], Options(lists=[news.pk]))
    run_with_deaths(imported, monkeypatch)
    imported.refresh_from_db()
    importing.confirm(imported, None)
    run_with_deaths(imported, monkeypatch)
    imported.refresh_from_db()
    assert imported.state == "done"
    assert of_rows(imported.counts) == {"added": 993, "duplicate": 7, "field": 91}
    assert Contact.objects.count() == news.subscriptions.count() == ConsentRecord.objects.count() == 993
    assert counts.people(workspace).total == 993
    assert imported.problems.count() == 98


class Killed(BaseException):
    """Ends the worker at once: nothing of ours catches it."""


def run_with_deaths(imported: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, real = 0, jobs.heartbeat

    def dying(job: Job, **given: object) -> bool:
        nonlocal calls
        calls += 1
        if calls % 3 == 0:
            raise Killed
        return real(job, **given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "heartbeat", dying)
        clock = timezone.now()
        for _round in range(200):
            imported.refresh_from_db()
            try:
                more = importing.advance(imported.job_id or 0)
            except Killed:
                # Its job is free again once the heartbeat is old.
                Job.objects.filter(pk=imported.job_id).update(heartbeat_at=clock - dt.timedelta(minutes=5))
                continue
            if not more:
                return
    raise AssertionError("never ended")


def test_it_goes_on_in_short_slices(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "SLICE", 10)
    imported = upload(workspace, many(100))
    importing.decide(imported, ["address", "full_name", ""], Options())
    slices = 0
    imported.refresh_from_db()
    while importing.advance(imported.job_id or 0, seconds=0.0001):
        slices += 1
    assert slices > 5
    imported.refresh_from_db()
    assert (imported.state, imported.estimate["added"]) == ("checked", 93)


def test_a_file_that_breaks_off_is_refused_in_the_dry_run_and_changes_nothing(workspace: Workspace) -> None:
    text = "email,name\n" + "".join(f"p{n}@m.example,x\n" for n in range(9000)) + 'z@m.example,"never closed\n'
    imported = upload(workspace, text)
    importing.decide(imported, ["address", "full_name"], Options())
    imported = run(imported)
    assert imported.state == "failed"
    assert imported.job and imported.job.state == "failed" and "line 9002" in imported.job.error
    assert not Contact.objects.exists() and not StagedRow.objects.exists()


def test_saying_yes_twice_imports_once(workspace: Workspace) -> None:
    imported = upload(workspace)
    importing.decide(imported, MAPPING, Options())
    imported = run(imported)
    assert importing.confirm(imported, None)
    assert not importing.confirm(imported, None)
    assert not importing.decide(imported, MAPPING, Options())


def test_a_stopped_import_keeps_what_it_wrote_and_can_be_undone(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contacts.importing.applying.SLICE", 30)
    imported = upload(workspace, many(100))
    importing.decide(imported, ["address", "full_name", ""], Options())
    imported = run(imported)
    importing.confirm(imported, None)
    imported.refresh_from_db()
    importing.advance(imported.job_id or 0, seconds=0.0001)
    assert importing.stop(imported)
    imported = run(imported)
    assert (imported.state, Contact.objects.count()) == ("stopped", 29)  # row 1 is the header
    assert importing.undo(imported, None)
    assert (run(imported).state, Contact.objects.count()) == ("undone", 0)


# Longer than an entry of the index of tags may be, and not to be compressed: PostgreSQL refuses it each time.
BREAKS = "".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(100))


def tried(imported: Import) -> Import:
    """So often as the tick would: each try is another worker's."""
    imported.refresh_from_db()
    for _try in range(jobs.TRIES):
        assert jobs.due(running.KIND) == [imported.job_id]
        assert not importing.advance(imported.job_id or 0)
    assert not jobs.due(running.KIND)
    return Import.objects.select_related("job").get(pk=imported.pk)


def test_an_error_that_lasts_ends_the_import_which_says_so_and_can_be_undone(
    workspace: Workspace, member: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contacts.importing.applying.SLICE", 50)
    imported = upload(workspace, many(200))
    importing.decide(imported, ["address", "full_name", ""], Options())
    imported = run(imported)
    StagedRow.objects.filter(imported=imported, row=120).update(tags=[BREAKS])
    assert importing.confirm(imported, member)

    imported = tried(imported)
    assert (imported.state, imported.job and imported.job.state) == ("stopped", "failed")
    assert Contact.objects.count() == imported.counts["added"] == 100 - 1  # the header is row 1
    assert "What was written so far stays, and you can undo it." in imported.job.error  # type: ignore[union-attr]
    assert imported.problem["code"] == "broke_off_importing"
    assert Notice.objects.get(user=member).kind == "import.broke_off_importing"
    assert importing.undo(imported, member)
    assert run(imported).state == "undone" and not Contact.objects.exists()
    assert not Import.objects.get().problem


def test_an_error_that_passes_ends_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = upload(workspace)
    importing.decide(imported, MAPPING, Options())
    imported.refresh_from_db()
    with monkeypatch.context() as patch:
        patch.setattr(staging.Stager, "step", lambda self: 1 / 0)
        assert not importing.advance(imported.job_id or 0)
        assert not importing.advance(imported.job_id or 0)
    assert run(imported).state == "checked"
    assert Job.objects.get().tries == 0


def test_an_outage_of_the_database_does_not_count(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = upload(workspace)
    importing.decide(imported, MAPPING, Options())
    imported.refresh_from_db()

    def away(self: object) -> bool:
        raise OperationalError("the connection is lost")

    with monkeypatch.context() as patch:
        patch.setattr(staging.Stager, "step", away)
        for _try in range(jobs.TRIES + 2):
            with pytest.raises(OperationalError):
                importing.advance(imported.job_id or 0)
            Job.objects.filter(pk=imported.job_id).update(heartbeat_at=timezone.now() - 2 * jobs.STALE)
    assert run(imported).state == "checked"


def test_a_dry_run_that_breaks_off_has_changed_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = upload(workspace)
    importing.decide(imported, MAPPING, Options())
    monkeypatch.setattr(staging.Stager, "step", lambda self: 1 / 0)
    imported = tried(imported)
    assert (imported.state, imported.problem["code"]) == ("failed", "broke_off_checking")
    assert "Nothing was imported." in imported.job.error  # type: ignore[union-attr]


def test_undo_removes_the_added_and_restores_the_changed(workspace: Workspace, hanako: Contact, news: List) -> None:
    before = hanako.values()
    imported = bring(workspace, lists=[news.pk])
    assert importing.undo(imported, None)
    imported = run(imported)
    assert imported.state == "undone"
    assert imported.undone == {"removed": 4, "stayed": 0, "restored": 1, "kept_values": 0, "left_lists": 1}
    hanako.refresh_from_db()
    assert hanako.values() == before
    assert not Subscription.objects.exists()
    assert list(hanako.consents.order_by("pk").values_list("action", "source")) == [
        ("subscribed", "import"), ("unsubscribed", "undo"),
    ]  # fmt: skip
    assert not importing.undo(imported, None)


def test_undo_leaves_what_has_been_touched_since(workspace: Workspace, hanako: Contact, news: List) -> None:
    imported = bring(workspace, lists=[news.pk])
    ken = Contact.objects.get(address="ken@mail.example")
    subscriptions.unsubscribe(ken, [news], source="link")
    hanako.refresh_from_db()
    hanako.fields = {**hanako.fields, "rank": "platinum"}
    hanako.save()
    importing.undo(imported, None)
    imported = run(imported)
    hanako.refresh_from_db()
    assert hanako.fields == {"rank": "platinum"}
    assert (imported.undone["removed"], imported.undone["stayed"]) == (3, 1)
    assert Subscription.objects.get(contact=ken).state == "unsubscribed"


def test_undo_takes_people_off_a_list_whose_values_did_not_change(workspace: Workspace, news: List) -> None:
    bring(workspace, "email\na@m.example\n", ["address"])
    second = bring(workspace, "email\na@m.example\n", ["address"], lists=[news.pk])
    importing.undo(second, None)
    assert run(second).undone["left_lists"] == 1
    assert Contact.objects.count() == 1 and not Subscription.objects.exists()


def test_undo_ends_after_thirty_days(workspace: Workspace) -> None:
    imported = bring(workspace)
    assert importing.can_undo(imported)
    with time_machine.travel(timezone.now() + dt.timedelta(days=31), tick=False):
        assert not importing.can_undo(imported)
        assert not importing.undo(imported, None)
        importing.purge()
    with pytest.raises(importing.FileProblem, match="gone"):
        importing.receiving.opened(imported)


def test_the_values_of_any_moment_can_be_had(workspace: Workspace, hanako: Contact) -> None:
    first = timezone.now() - dt.timedelta(hours=2)
    bring(workspace, "email,first,rank\nhanako@docomo.example,Hana,gold\n", ["address", "first_name", "new:text"])
    second = moment(hanako)
    bring(workspace, "email,first,rank\nhanako@docomo.example,,silver\n", ["address", "first_name", "field:rank"])
    hanako.refresh_from_db()
    assert hanako.values()["fields.rank"] == "silver"
    assert hanako.values_at(second) == hanako.values() | {"fields.rank": "gold"}
    assert hanako.values_at(first)["first_name"] == "花子"
    assert "fields.rank" not in hanako.values_at(first)


def moment(contact: Contact) -> dt.datetime:
    """Now by the database's clock. In a test everything is one transaction, whose now() stands still: shift history."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE contacts_contactchange SET at = at - interval '1 hour'")
        cursor.execute("SELECT now() - interval '1 minute'")
        found: dt.datetime = cursor.fetchone()[0]
    contact.refresh_from_db()
    return found


def test_a_field_that_another_import_made_meanwhile_keeps_its_kind(workspace: Workspace) -> None:
    """Both were checked before either was written: the second is checked again, and then says what does not fit."""
    mapping = {"new:number": "ken@mail.example,150\n", "new:text": "ana@mail.example,150\neva@mail.example,many\n"}
    first, second = (upload(workspace, "email,points\n" + rows, target) for target, rows in mapping.items())
    for imported, target in zip((first, second), mapping, strict=True):
        importing.decide(imported, ["address", target], Options())
        assert run(imported).state == "checked"
    assert importing.confirm(first, None) and run(first).state == "done"
    assert importing.confirm(second, None) and second.state == "checking"
    second = run(second)
    assert (second.state, second.mapping, of_rows(second.estimate)) == (
        "checked", ["address", "field:points"], {"added": 2, "field": 1},
    )  # fmt: skip
    assert Contact.objects.count() == 1 and problems(second) == [(3, "field", "number")]
    assert importing.confirm(second, None)
    second = run(second)
    assert (second.state, of_rows(second.counts), problems(second)) == (
        "done", {"added": 2, "field": 1}, [(3, "field", "number")],
    )  # fmt: skip
    assert list(Contact.objects.order_by("pk").values_list("fields", flat=True)) == [
        {"points": 150}, {"points": 150}, {},
    ]  # fmt: skip
    assert Field.objects.get().kind == "number"


def test_sample_people_are_not_in_the_way(workspace: Workspace) -> None:
    sample.load(workspace)
    assert of_rows(bring(workspace).counts)["added"] == 5


def test_the_notice_and_the_job_say_the_end(workspace: Workspace, member: object) -> None:
    imported = bring(workspace)
    assert imported.job and imported.job.state == "done" and imported.job.percent == 100
    assert imported.job.kind == running.KIND
