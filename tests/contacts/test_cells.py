from __future__ import annotations

import csv
import io

from contacts.cells import csv_lines


def test_no_cell_is_a_formula_and_figures_stay_figures() -> None:
    rows = [("=1+1", -5), ("＝HYPERLINK", 3), (" +81 90", 0), ('say "hi", 花子', 1)]
    text = "".join(csv_lines(("name", "people"), rows))
    read = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert read == [
        ["name", "people"],
        ["'=1+1", "-5"],
        ["'＝HYPERLINK", "3"],
        [" +81 90", "0"],
        ['say "hi", 花子', "1"],
    ]
