"""Was it a person? Labels for opens and clicks that machines make. Pure.

A label is kept beside the event, and both totals are shown: nothing is dropped. Gmail's image proxy is a person's
open; Apple's privacy proxy loads every picture, read or not; scanners follow every link in seconds.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import timedelta

# Substrings of user agents, lower case. Sources: the vendors' own pages on how their scanners call themselves, 2026-11.
SCANNERS = (
    "barracuda",
    "mimecast",
    "proofpoint",
    "trendmicro",
    "symantec",
    "messagelabs",
    "forcepoint",
    "sophos",
    "fireeye",
    "safelinks",
    "bitdefender",
    "zscaler",
    "cloudmark",
    "headlesschrome/",
    "python-requests",
    "python-urllib",
    "curl/",
    "wget/",
    "go-http-client",
    "java/",
    "okhttp",
    "bot/",
    "bot;",
    "spider",
    "crawler",
    "facebookexternalhit",
    "slackbot",
    "bingpreview",
)
APPLE_PROXY = "mozilla/5.0"  # the whole user agent of Apple Mail Privacy Protection
INSTANT = timedelta(seconds=1)  # nobody reads a mail in the second in which their server takes it
SWEEP_LINKS = 3  # different links of one message …
SWEEP = timedelta(seconds=5)  # … within this time: something follows them all


class Machine(enum.StrEnum):
    """Why an open or a click is not counted as a person's."""

    APPLE_PROXY = "apple_proxy"  # Apple loads every picture for its users, read or not
    SCANNER = "scanner"  # names itself as a security scanner or a program
    NO_AGENT = "no_agent"  # says nothing of itself: no mail program or browser does that
    INSTANT = "instant"  # came with the delivery
    SWEEP = "sweep"  # followed one link after the other


@dataclass(frozen=True, slots=True)
class Visit:
    """What is known of one request. `since_delivery` is None when the delivery is not known."""

    user_agent: str
    since_delivery: timedelta | None
    other_links: int = 0  # different links of the same message that were followed within SWEEP before


def label(visit: Visit, *, click: bool) -> Machine | None:
    """Why a machine made it; None for a person."""
    agent = visit.user_agent.strip().lower()[:512]
    if not agent:
        return Machine.NO_AGENT
    if agent == APPLE_PROXY and not click:
        return Machine.APPLE_PROXY
    if any(name in agent for name in SCANNERS):
        return Machine.SCANNER
    if visit.since_delivery is not None and visit.since_delivery < INSTANT:
        return Machine.INSTANT
    if click and visit.other_links + 1 >= SWEEP_LINKS:
        return Machine.SWEEP
    return None
