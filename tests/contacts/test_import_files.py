"""What files people bring, and how they are read or refused."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator

import pytest

from accounts.models import Workspace
from contacts.field_keys import new_key
from contacts.importing import FileProblem, detect, mapping, receive, receiving
from contacts.importing.reading import rows
from contacts.models import Import, ImportChunk

JAPANESE = (
    "メールアドレス,氏名,都道府県\r\nhanako@docomo.example,山田 花子,東京都\r\nken@mail.example,佐藤 健,静岡県\r\n"
)
WESTERN = "Email;Name;City\nlena@post.example;Lena Müller;Köln\nana@mail.example;Ana Ruíz;Málaga\n"


@pytest.mark.parametrize(
    ("data", "encoding", "separator", "columns"),
    [
        (JAPANESE.encode(), "utf-8", ",", ["メールアドレス", "氏名", "都道府県"]),
        (JAPANESE.encode("utf-8-sig"), "utf-8-sig", ",", ["メールアドレス", "氏名", "都道府県"]),
        (JAPANESE.encode("cp932"), "cp932", ",", ["メールアドレス", "氏名", "都道府県"]),
        (JAPANESE.encode("utf-16"), "utf-16", ",", ["メールアドレス", "氏名", "都道府県"]),
        (JAPANESE.encode("utf-16-le"), "utf-16", ",", ["メールアドレス", "氏名", "都道府県"]),
        (JAPANESE.replace(",", "\t").encode("utf-16"), "utf-16", "\t", ["メールアドレス", "氏名", "都道府県"]),
        (WESTERN.encode(), "utf-8", ";", ["Email", "Name", "City"]),
        (WESTERN.encode("cp1252"), "cp1252", ";", ["Email", "Name", "City"]),
        (WESTERN.replace(";", "|").encode(), "utf-8", "|", ["Email", "Name", "City"]),
        (WESTERN.replace("\n", "\r").encode(), "utf-8", ";", ["Email", "Name", "City"]),
        (b"ken@mail.example\nana@mail.example\n", "utf-8", ",", [""]),
        (b"ken@mail.example", "utf-8", ",", [""]),
    ],
)
def test_encoding_separator_and_columns_are_found(
    workspace: Workspace, data: bytes, encoding: str, separator: str, columns: list[str]
) -> None:
    found = receive(workspace, "people.csv", [data], None)
    assert (found.encoding, found.separator, found.columns) == (encoding, separator, columns)
    assert "address" in found.mapping
    read = list(rows(receiving.opened(found), receiving.stream_encoding(found), separator))
    assert all(row.readable for row in read)
    assert [row.cells for row in read][int(found.header) :] == found.samples


def test_a_column_headed_as_mail_is_read_however_bad_its_cells_are(workspace: Workspace) -> None:
    data = b"name,E-mail\nA,x\nB,Ken <ken@mail.example>\nC,z\nD,ana@mail.example\n"
    assert receive(workspace, "people.csv", [data], None).mapping == ["full_name", "address"]


@pytest.mark.parametrize("mark", ["\x0b", "\x0c", "\x85", "\u2028"])
def test_what_is_no_line_end_in_a_file_cuts_no_row_in_the_preview_either(workspace: Workspace, mark: str) -> None:
    found = receive(workspace, "people.csv", [f"email,name\nken@mail.example,Ken{mark}Sato\n".encode()], None)
    assert found.samples == [["ken@mail.example", f"Ken{mark}Sato"]]


def test_japanese_far_into_a_file_is_still_seen(workspace: Workspace) -> None:
    plain = b"".join(b"p%06d@mail.example,Ken\r\n" % n for n in range(20_000))
    found = receive(
        workspace, "late.csv", [b"email,name\r\n", plain, "z@mail.example,花子さん\r\n".encode("cp932")], None
    )
    assert found.encoding == "cp932"


def long_line() -> Iterator[bytes]:
    yield b"email,name\nken@mail.example,"
    while True:
        yield b"x" * 65536


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        ([b"PK\x03\x04" + b"\x00" * 50], "“people.csv” is a ZIP archive or an Excel workbook"),
        ([b"\x1f\x8b\x08" + b"\x00" * 50], "compressed (gzip)"),
        ([b"%PDF-1.7 ..."], "is a PDF file"),
        ([b""], "is empty"),
        ([b" \n \n"], "is empty"),
        ([b"email,name\nken@mail.example,Ken\nana@mail.example,A\0na\n"], "Line 3 holds a NUL byte"),
        (long_line(), "Line 2 is longer than 1,000,000 bytes"),
        ([b"name,city\nKen,Tokyo\nAna,Madrid\n"], "No column of “people.csv” holds email addresses."),
        ([b"name,city\nKen,Tokyo\nAna,Madrid\n"], "first 2 rows of: name, city"),
        ([b"name,address\nKen,1-2 Midori\n"], "first 1 rows of: name, address"),
        ([b"email,name\n"], "first 0 rows of: email, name"),
        ([b",".join(b"c%d" % n for n in range(201)) + b"\nken@mail.example\n"], "Line 1 has 201 columns"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_the_place_and_nothing_is_kept(
    workspace: Workspace, chunks: list[bytes], words: str
) -> None:
    with pytest.raises(FileProblem) as problem:
        receive(workspace, "people.csv", chunks, None)
    assert words in problem.value.words
    assert not Import.objects.exists() and not ImportChunk.objects.exists()


def test_two_gigabytes_in_one_line_are_refused_after_the_first_megabyte(workspace: Workspace) -> None:
    passed = 0

    def two_gigabytes() -> Iterator[bytes]:
        nonlocal passed
        while passed < 2 * 10**9:
            passed += 65536
            yield b"a" * 65536

    tracemalloc.start()
    with pytest.raises(FileProblem, match="long_line"):
        receive(workspace, "people.csv", two_gigabytes(), None)
    assert passed < 2 * 10**6
    assert tracemalloc.get_traced_memory()[1] < 10 * 10**6
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "shown"),
    [("../../etc/passwd", "passwd"), ("C:\\lists\\秋.csv", "秋.csv"), ("a\r\nb.csv", "ab.csv"), ("", "people.csv")],
)
def test_a_file_name_is_only_words(workspace: Workspace, name: str, shown: str) -> None:
    assert receive(workspace, name, [WESTERN.encode()], None).name == shown


def read(text: str, **place: int) -> list[list[str]]:
    return [row.cells for row in rows(io.BytesIO(text.encode()), "utf-8", ",", **place)]


def test_rows_may_go_over_lines_and_reading_goes_on_where_a_row_ended() -> None:
    text = 'a,"1\n2"\n\n,\nb,"x ""y"""\r\nc,3'
    first = next(rows(io.BytesIO(text.encode()), "utf-8", ","))
    assert (first.cells, first.lines) == (["a", "1\n2"], 2)
    assert read(text) == [["a", "1\n2"], ["b", 'x "y"'], ["c", "3"]]
    assert read(text, offset=first.end, lines=first.lines) == [["b", 'x "y"'], ["c", "3"]]


@pytest.mark.parametrize("rest", ["tail\n" * 5, "tail\n" * 500, "x" * 2_000_000])
def test_a_quotation_mark_that_is_never_closed_names_its_line(rest: str) -> None:
    with pytest.raises(FileProblem) as problem:
        read('a,1\nb,"open\n' + rest)
    assert problem.value.params["line"] in (2, 3)


def test_a_carriage_return_in_a_cell_is_called_what_it_is() -> None:
    with pytest.raises(FileProblem) as problem:
        read("a,1\nb,2\rc\n")
    assert (problem.value.code, problem.value.params) == ("carriage_return", {"line": 2})
    assert "Line 2 holds a carriage return" in problem.value.words
    assert read('a,1\nb,"2\rc"\n') == [["a", "1"], ["b", "2\rc"]]


def test_letters_outside_the_encoding_are_marked_and_reading_goes_on() -> None:
    found = list(rows(io.BytesIO(b"a,\xff\nb,1\n"), "utf-8", ","))
    assert [(row.cells[0], row.readable) for row in found] == [("a", False), ("b", True)]


@pytest.mark.parametrize(
    ("columns", "sample", "expected"),
    [
        (["Email", "First name", "Last name"], ["a@b.example", "A", "B"], ["address", "first_name", "last_name"]),
        (["メールアドレス", "姓", "名"], ["a@b.example", "山田", "花子"], ["address", "last_name", "first_name"]),
        (["氏名", "連絡先"], ["山田 花子", "a@b.example"], ["full_name", "address"]),
        (["Mail", "Work mail"], ["a@b.example", "b@b.example"], ["address", ""]),
        (["E-Mail", "会員ランク", "Notes"], ["a@b.example", "gold", ""], ["address", "field:rank", ""]),
        (["", ""], ["Ken", "a@b.example"], ["", "address"]),
        (["メールアドレス", "メルマガ許可", "タグ"], ["a@b.example", "1", ""], ["address", "consent", "tags"]),
    ],
)
def test_columns_are_recognised(columns: list[str], sample: list[str], expected: list[str]) -> None:
    assert mapping.guess(columns, [sample], [("rank", "会員ランク")]) == expected


def test_new_fields_get_a_kind_and_a_key_that_templates_can_read() -> None:
    assert mapping.guess_kind(["2024/03/18", "2023-11-02", ""]) == "date"
    assert mapping.guess_kind(["12", "1,200.5"]) == "number"
    assert mapping.guess_kind(["0312345678", "09012345678"]) == "text"
    assert mapping.guess_kind(["", ""]) == "text"
    assert new_key("Member rank", []) == "member_rank"
    assert new_key("Member-Rank", ["member_rank"]) == "member_rank_1"
    assert new_key("会員ランク", ["field"]) == "field_1"
    assert new_key("Email", []) == "email_1"
    assert new_key("2nd name", []) == "field_2nd_name"


def test_separators_inside_quotes_do_not_count() -> None:
    shape = detect.shape_of('name;mail\n"Ruiz, Ana";a@b.example\n"Sato, Ken";k@b.example\n')
    assert shape.separator == ";"
