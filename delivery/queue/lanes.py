"""How a mailing is cut into lanes, so that a slow provider holds back its own people and nobody else's. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ALL = "all"
MIXED = "mixed"
OWN_LANE = 200  # people of one site in a mailing; fewer are pooled, since a lease of ten ids halves the speed


@dataclass(frozen=True, slots=True)
class Lane:
    """`site_id` is None for the lanes that hold several sites. `people` is how many are expected."""

    name: str
    site_id: int | None
    people: int


def site_lane(site_id: int) -> str:
    return f"site:{site_id}"


def plan(people_by_site: Mapping[int | None, int], *, one_lane: bool, own_lane: int = OWN_LANE) -> list[Lane]:
    """`people_by_site` counts under None those whose site is not known yet.

    `one_lane`: every route is a smarthost or the sandbox, which takes mail for any site.
    """
    everyone = sum(people_by_site.values())
    if one_lane:
        return [Lane(ALL, None, everyone)]
    large = {site: n for site, n in people_by_site.items() if site is not None and n >= own_lane}
    own = [Lane(site_lane(site), site, n) for site, n in sorted(large.items(), key=lambda item: -item[1])]
    return [*own, Lane(MIXED, None, everyone - sum(large.values()))]


def one_lane(kinds: Iterable[str]) -> bool:
    """Whether these kinds of routes need no lanes by site."""
    return all(kind != "direct" for kind in kinds)
