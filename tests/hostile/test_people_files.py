"""Files that are no list of people: refused on the page, saying what and where, in both languages; nothing is kept."""

from __future__ import annotations

import io
import tracemalloc
from typing import BinaryIO

import pytest
from django.core.files.uploadhandler import SkipFile
from django.core.handlers.wsgi import WSGIRequest

from accounts.models import User, Workspace
from contacts import importing
from contacts.models import Contact, Import, ImportChunk
from contacts.uploads import Guard
from tests.factories import make_member, make_workspace
from tests.hostile.conftest import client_of

PAGE = "/contacts/import"
GIGABYTE = 1 << 30
FILES = {
    "zip": (b"PK\x03\x04" + bytes(200), ("ZIP", "people.csv"), ("ZIP", "people.csv")),
    "no address": (b"name,town\nKen,Oslo\nHana,Kyoto\n", ("name, town", "2 rows"), ("name, town", "2行")),
    "NUL": (b"email\nken@mail.example\nha\0na@mail.example\n", ("Line 3", "NUL"), ("3行目", "NUL")),
    "one line": (b"email\n" + b"x" * 1_200_000, ("Line 2", "1,000,000"), ("2行目", "1,000,000")),
    "NUL in the 2nd megabyte": (
        b"email\n" + b"ken@mail.example\n" * 100_000 + b"\0", ("Line 100002",), ("100002行目",),
    ),
}  # fmt: skip


@pytest.fixture
def people_workspace(db: None) -> Workspace:
    return make_workspace()


@pytest.fixture
def member(people_workspace: Workspace) -> User:
    return make_member(people_workspace)


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_list_is_refused_with_the_place_in_both_languages(kind: str, member: User) -> None:
    data, *words = FILES[kind]
    for language, said in zip(("en", "ja"), words, strict=True):
        answer = client_of(member, language).post(PAGE, {"file": _file(data)})
        page = answer.content.decode()
        assert answer.status_code == 422 and all(word in page for word in said), page
    assert not Import.objects.exists() and not ImportChunk.objects.exists() and not Contact.objects.exists()


def _file(data: bytes) -> BinaryIO:
    file = io.BytesIO(data)
    file.name = "people.csv"
    return file


class Endless(io.RawIOBase):
    """A form with a file of two gigabytes in one line, made as it is read."""

    def __init__(self, head: bytes) -> None:
        self.left, self._head, self.read_octets = 2 * GIGABYTE, head, 0

    def read(self, size: int = -1) -> bytes:
        head, self._head = self._head[:size], self._head[size:]
        size = min(size - len(head), self.left)
        self.left -= size
        self.read_octets += size
        return head + b"x" * size


def test_the_guard_stops_two_gigabytes_in_one_line_at_the_first_megabyte() -> None:
    """Memory stays flat, and no handler behind it sees more."""
    body = Endless(b"")
    guard = Guard(None)
    guard.new_file("file", "people.csv", "text/csv", 2 * GIGABYTE)
    tracemalloc.start()
    with pytest.raises(SkipFile):
        while True:
            guard.receive_data_chunk(body.read(65_536), body.read_octets - 65_536)
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (
        guard.problem is not None
        and guard.problem.code == "long_line"
        and body.read_octets < 1_200_000
        and most < 10_000_000
    )


def test_a_form_with_two_gigabytes_in_one_line_is_read_through_and_not_kept() -> None:
    """Scaled: 64 MB pass by; what is held in memory does not grow with them."""
    head = (
        b'--edge\r\nContent-Disposition: form-data; name="file"; filename="people.csv"\r\n'
        b"Content-Type: text/csv\r\n\r\nemail\r\n"
    )
    body = Endless(head)
    body.left = 64 << 20
    request = WSGIRequest({
        "REQUEST_METHOD": "POST", "PATH_INFO": PAGE, "CONTENT_TYPE": "multipart/form-data; boundary=edge",
        "CONTENT_LENGTH": str(len(head) + body.left), "wsgi.input": body, "SERVER_NAME": "a", "SERVER_PORT": "80",
    })  # fmt: skip
    guard = Guard(request)
    request.upload_handlers.insert(0, guard)
    tracemalloc.start()
    assert not request.FILES and guard.problem and guard.problem.params["line"] == 2
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16_000_000


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe" + "email\r\nken@mail.example\0\r\n".encode("utf-16-le"), b"\x1f\x8b" + bytes(50), b"", b"\n \n"],
)
def test_other_files_that_are_none_leave_nothing(data: bytes, member: User) -> None:
    assert client_of(member).post(PAGE, {"file": _file(data)}).status_code == 422
    assert not Import.objects.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd\r\nX: y.csv", "a\0b.csv", "<script>alert(1)</script>.csv"])
def test_a_file_name_never_leaves_its_place(name: str, people_workspace: Workspace) -> None:
    made = importing.receive(people_workspace, name, [b"email\nken@mail.example\n"], None)
    assert made.name.isprintable() and "/" not in made.name


def test_addresses_that_hold_line_breaks_are_rows_that_are_told_and_left_out(
    member: User, people_workspace: Workspace
) -> None:
    rows = '"ken@mail.example\r\nBcc: x@mail.example",Ken\r\n"x@mail.example>\r\nRCPT TO:<y@mail.example",A\r\na@mail.example,A\r\nb@mail.example,B\r\nok@mail.example,"Ken\r\nBcc: z@mail.example"\r\n'
    made = importing.receive(people_workspace, "people.csv", [f"email,first name\r\n{rows}".encode()], member)
    assert importing.decide(made, made.mapping, importing.Options())
    while importing.advance(made.job_id):
        pass
    made.refresh_from_db()
    importing.confirm(made, member)
    while importing.advance(made.job_id):
        pass
    people = Contact.objects.of(people_workspace).order_by("pk").values_list("address", "first_name")
    assert list(people) == [("a@mail.example", "A"), ("b@mail.example", "B"), ("ok@mail.example", "")]
    client = client_of(member, "ja")
    told = b"".join(client.get(f"/contacts/imports/{made.pk}/rows.csv").streaming_content).decode()
    assert told.count("\r\n") >= 4 and "制御文字" in told


def test_spreadsheets_run_nothing_of_what_is_exported(member: User, people_workspace: Workspace) -> None:
    cells = ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(1)", "＝1+1", "＋81", "\u2212"]
    for number, cell in enumerate(cells):
        key = f"p{number}@mail.example"
        Contact.objects.create(
            workspace=people_workspace, address=key, address_key=key, domain="mail.example", first_name=cell
        )
    answer = client_of(member).get("/contacts/export")
    text = b"".join(answer.streaming_content).decode()
    assert not [line for line in text.splitlines() for cell in line.split('","') if cell[:1] in "=+-@＝＋－＠" and cell]
