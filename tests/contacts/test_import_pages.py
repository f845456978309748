"""A file's way through the pages: uploaded, mapped, counted, taken back."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Workspace
from contacts.models import Contact, Field, Import
from tests.contacts.pages import get, post, text_of, work


def upload(client: Client, data: bytes, name: str = "autumn.csv") -> Any:
    return client.post(reverse("contacts:import"), {"file": SimpleUploadedFile(name, data)}, follow=True)


FILE = (
    "メールアドレス,氏名,会員ランク\r\nhanako@docomo.example,山田 花,金\r\nken@mail.example,佐藤 健,銀\r\nnobody,,\r\n"
)


def test_a_file_goes_through_four_screens_and_back(client: Client, workspace: Workspace, hanako: Contact) -> None:
    page = text_of(upload(client, FILE.encode("cp932")))
    assert "Shift_JIS (CP932)" in page and "佐藤 健" in page and "2 of the first 3 are valid." in page
    row = Import.objects.get()
    columns = {"column_0": "address", "column_1": "full_name", "column_2": "new:text"}
    page = text_of(post(client, "import_map", row.pk, **columns))
    assert "Consent and duplicates" in page
    page = text_of(
        post(
            client, "import_options", row.pk, new_list="秋", statement="店頭", update="yes", empty="keep", tags="autumn"
        )
    )
    work(row)
    page = get(client, "import_result", row.pk)
    assert "2 of 3 rows would be taken" in page and "Import 2 people" in page and "The address has no @." in page
    assert Contact.objects.count() == 1
    post(client, "import_confirm", row.pk)
    work(row)
    page = get(client, "import_result", row.pk)
    assert "2 of 3 rows were taken" in page and "Undo this import" in page
    assert Field.objects.get().label == "会員ランク"
    problems = get(client, "import_problems", row.pk)
    assert '"4","Invalid","The address has no @.","nobody,,"' in problems
    assert "autumn.csv, row 2" in get(client, "contact", hanako.pk)
    assert "autumn.csv" in get(client, "imports")
    post(client, "import_undo", row.pk)
    work(row)
    assert "1 people who came with this file were removed." in get(client, "import_result", row.pk)
    assert Contact.objects.get().first_name == "花子"


def test_utf_16_from_a_spreadsheet_comes_through_the_upload(client: Client) -> None:
    page = text_of(upload(client, FILE.replace(",", "\t").encode("utf-16")))
    assert "UTF-16" in page and "佐藤 健" in page and "2 of the first 3 are valid." in page


def test_a_nul_in_pasted_rows_is_named_with_its_line(client: Client) -> None:
    answer = post(client, "import", pasted="email\r\nken@mail.example\r\nana\0@mail.example\r\n")
    page = text_of(answer)
    assert answer.status_code == 422 and "Line 3 holds a NUL byte" in page
    assert "Choose a file, or paste rows." not in page
    assert not Import.objects.exists()


def test_pasted_addresses_are_a_file_too(client: Client) -> None:
    page = text_of(
        client.post(reverse("contacts:import"), {"pasted": "ken@mail.example\nana@mail.example"}, follow=True)
    )
    assert "pasted.csv" in page and "2 of the first 2 are valid." in page


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04" + b"\0" * 100, "is a ZIP archive or an Excel workbook"),
        (b"email\nken@mail.example\n\0\n", "Line 3 holds a NUL byte"),
        (b"email,x\nken@mail.example," + b"x" * 3_000_000, "Line 2 is longer than"),
        (b"a,b\nc,d\n", "holds email addresses"),
        (b"", "is empty"),
    ],
)
def test_a_bad_file_is_refused_on_the_page_with_the_place(client: Client, data: bytes, words: str) -> None:
    answer = upload(client, data)
    assert answer.status_code == 422 and words in text_of(answer)
    assert not Import.objects.exists()


def test_the_mapping_needs_an_address_and_nothing_twice(client: Client, workspace: Workspace) -> None:
    upload(client, FILE.encode())
    row = Import.objects.get()
    for columns, words in [
        ({"column_1": "full_name"}, "Choose the column that holds the email address."),
        ({"column_0": "address", "column_1": "address"}, "Two columns go to the same place."),
        ({"column_0": "field:__class__"}, "Choose the column that holds the email address."),
    ]:
        answer = post(client, "import_map", row.pk, **columns)
        assert answer.status_code == 422 and words in text_of(answer)


def test_a_wrong_encoding_can_be_changed(client: Client) -> None:
    upload(client, FILE.encode("cp932"))
    row = Import.objects.get()
    page = text_of(post(client, "import_reread", row.pk, encoding="cp1252", separator=",", header="True"))
    assert "佐藤 健" not in page
    assert '<option value="utf-16"' not in page
    post(client, "import_reread", row.pk, encoding="utf-16", separator=",", header="True")
    page = text_of(post(client, "import_reread", row.pk, encoding="cp932", separator=",", header="True"))
    assert "佐藤 健" in page
    assert "No column of" in text_of(
        post(client, "import_reread", row.pk, encoding="cp932", separator="|", header="True")
    )
