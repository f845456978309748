from __future__ import annotations

import pytest

from contacts import values
from contacts.values import ValueProblem


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("text", " gold ", "gold"),
        ("number", "1,200", 1200),
        ("number", "-3.5", -3.5),
        ("number", "１２", 12),
        ("date", "2024-3-8", "2024-03-08"),
        ("date", "2024/03/18", "2024-03-18"),
        ("date", "2024年3月18日", "2024-03-18"),
        ("date", "20240318", "2024-03-18"),
        ("date", "2024-03-18T09:00:00+09:00", "2024-03-18"),
        ("boolean", "はい", True),
        ("boolean", "No", False),
        ("boolean", "０", False),
        ("choice", "GOLD", "Gold"),
    ],
)
def test_a_cell_becomes_a_value(kind: str, text: str, value: object) -> None:
    assert values.read(kind, text, ["Gold", "Silver"]) == value


@pytest.mark.parametrize(
    ("kind", "text", "code"),
    [
        ("text", "a\nb", "control"),
        ("text", "a\0", "control"),
        ("text", "a\x85b", "control"),
        ("text", "あ" * 1001, "long"),
        ("number", "twelve", "number"),
        ("number", "1e999", "number"),
        ("number", "9" * 20, "number"),
        ("date", "18/03/2024", "date"),
        ("date", "2024-02-30", "date"),
        ("boolean", "maybe", "boolean"),
        ("choice", "bronze", "choice"),
    ],
)
def test_a_cell_that_does_not_fit_is_refused_with_a_code(kind: str, text: str, code: str) -> None:
    with pytest.raises(ValueProblem) as problem:
        values.read(kind, text, ["Gold"])
    assert problem.value.code == code


@pytest.mark.parametrize(
    ("whole", "parts"),
    [
        ("山田 花子", ("花子", "山田")),
        ("山田\u3000花子", ("花子", "山田")),
        ("山田", ("", "山田")),
        ("Ken Sato", ("Ken", "Sato")),
        ("Ana Maria Ruiz", ("Ana Maria", "Ruiz")),
        ("Ken", ("Ken", "")),
        ("", ("", "")),
    ],
)
def test_a_whole_name_is_split_as_its_language_writes_it(whole: str, parts: tuple[str, str]) -> None:
    assert values.split_name(whole) == parts
