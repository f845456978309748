from __future__ import annotations

import pytest

from analytics.deeds import Deed, Signs, deeds, difference

CASES = [
    (Signs(opens=2), {Deed.OPENED: 1}),
    (Signs(machine_opens=3), {Deed.MACHINE_OPENED: 1}),
    (Signs(opens=1, machine_opens=3), {Deed.OPENED: 1}),
    # A person who clicks has opened, though only a proxy loaded the picture.
    (Signs(machine_opens=1, clicks=1), {Deed.OPENED: 1, Deed.CLICKED: 1}),
    (Signs(machine_clicks=9), {Deed.MACHINE_CLICKS: 9}),
    (
        Signs(clicks=5, unsubscribes=1, complaints=1),
        {Deed.OPENED: 1, Deed.CLICKED: 1, Deed.UNSUBSCRIBED: 1, Deed.COMPLAINED: 1},
    ),
]


@pytest.mark.parametrize(("signs", "expected"), CASES)
def test_each_person_is_counted_once(signs: Signs, expected: dict[Deed, int]) -> None:
    assert {deed: n for deed, n in deeds(signs).items() if n} == expected


def test_a_click_turns_a_machine_open_into_a_persons() -> None:
    change = difference(Signs(machine_opens=1), Signs(machine_opens=1, clicks=1))
    assert change == {Deed.MACHINE_OPENED: -1, Deed.OPENED: 1, Deed.CLICKED: 1}
