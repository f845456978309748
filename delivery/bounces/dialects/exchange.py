"""Microsoft: Exchange 5.5 to 2003, 2007 and later, Exchange Online, in the languages that were seen."""

from __future__ import annotations

import re
from dataclasses import replace

from delivery.bounces.codes import address_in
from delivery.bounces.dialects.blocks import Form, notices
from delivery.bounces.letter import Letter
from delivery.bounces.notice import Notice

_OLD = Form(
    opens=("did not reach the following recipient", "recipient(s) could not be reached", "could not be reached:"),
    names=(
        re.compile(r"\s{0,12}(?P<to>[^\s<>]{1,320}@[^\s<>@]{1,255}) on .{0,80}$"),
        re.compile(r"\s{0,12}.{0,300}SMTP=(?P<to>[^\s<>;]{1,320}@[^\s<>@;]{1,255}) on .{0,80}$", re.IGNORECASE),
        re.compile(r"\s{0,12}'?.{0,200}' on \d.{0,60}<(?P<to>[^\s<>]{1,320}@[^\s<>@]{1,255})>"),
    ),
    skips=re.compile(r"The MTS-ID of|^\s*;l=|^\s*$"),
)
_GROUPS = (
    "Delivery has failed to these recipients",
    "Diagnostic information for administrators",
    "rejected your message to the following e",
    "Your message wasn't delivered",
    "Falha na entrega a estes destinat",
    "Uw bericht kan niet worden bezorgd",
    "Diagnostische gegevens voor beheerders",
    "Fehler bei der Nachrichtenzustellung",
    "Diagnoseinformationen f",
    "chec de la remise",
    "Informations de diagnostic",
    "Error en la entrega",
    "de diagn",
    "配信不能",
    "配信できませんでした",
    "管理者向けの診断情報",
)
_NEW = Form(
    opens=_GROUPS,
    names=(
        re.compile(r"\s{0,8}[^\s<>]{1,320}@[^\s<>@]{1,255}<mailto:(?P<to>[^\s<>]{1,320}@[^\s<>@]{1,255})>"),
        re.compile(r"\s{0,8}.{0,120}\((?P<to>[^\s<>()]{1,320}@[^\s<>@()]{1,255})\)<mailto:"),
        re.compile(r"\s{0,8}Recipient Address:\s{1,20}(?P<to>[^\s<>]{1,320}@[^\s<>@]{1,255})\s*$"),
        re.compile(r"\s{0,8}<?(?P<to>[^\s<>]{1,320}@[^\s<>@]{1,255}?)>?\s*$"),
    ),
    skips=re.compile(r"^\s*(?:Created Date|Sender Address|Subject|Generating server|Bronserver|Servidor de origem):"),
    ends=re.compile(r"^\s*(?:Original [Mm]essage [Hh]eaders|Message Hops|Reporting-MTA:)"),
)


def read(letter: Letter) -> list[Notice]:
    found = notices(letter.text, _OLD)
    if found:
        return [_coded(each) for each in found]
    if not any(words in letter.text for words in _GROUPS):
        return []
    return _told(letter)


def _coded(each: Notice) -> Notice:
    """000C05A6: its directory has no such recipient."""
    return replace(each, command="rcpt") if "000C05A6" in each.diagnostic.upper() else each


def _told(letter: Letter) -> list[Notice]:
    found = notices(letter.text, _NEW)
    asker = address_in(letter.get("to"))
    return [each for each in found if each.recipient != asker] or found
