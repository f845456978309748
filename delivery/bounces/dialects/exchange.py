"""Microsoft: Exchange 5.5 to 2003, 2007 and later, Exchange Online, in any language."""

from __future__ import annotations

import re
from dataclasses import replace

from delivery.bounces.codes import address_in
from delivery.bounces.dialects.blocks import Form, notice, notices
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
# What every language writes alike: for administrators an address and "#550 5.1.1 …" below it, before 2007
# the hour at which it failed and "<server #5.1.1 …>".
_ADMINISTRATORS = re.compile(
    r"(?m)^[ \t]{0,8}<?[^\s<>@]{1,320}@[^\s<>@]{1,255}>?[ \t]{0,8}\n(?:[ \t]{0,8}[\w.-]{4,255}[ \t]{0,8}\n)?"
    r"[ \t]{0,8}(?:#(?:< ?#)?[45]\d?\d?[. ]|Remote Server (?:at |returned ))"
)
_ANY_NEW = replace(
    _NEW, opens=(), ends=re.compile(r"^\s*(?:Received|From|Return-Path|MIME-Version|DKIM-Signature|X-[\w-]{1,40}): ")
)
_SERVER = re.compile(r"< ?[\w.-]{1,255} #[45]\.\d{1,3}\.\d{1,3}[ >]")
_ANY_OLD = replace(
    _OLD,
    opens=(),
    names=(re.compile(r"\s{2,12}'?(?P<to>[^\s<>'@]{1,320}@[^\s<>@']{1,255})'? .{0,60}\d[:.]\d\d.{0,20}$"),),
)
_LATE = re.compile(r"4\.4\.7 Message delayed|Delivery is delayed|hasn't been delivered yet|will keep trying")


def read(letter: Letter) -> list[Notice]:
    found = notices(letter.text, _OLD) or _by_server(letter)
    if found:
        return [_coded(each) for each in found]
    if any(words in letter.text for words in _GROUPS):
        return _told(letter, _NEW)
    return _told(letter, _ANY_NEW) if _ADMINISTRATORS.search(letter.text) else []


def _by_server(letter: Letter) -> list[Notice]:
    """Where only the person's name is given, the answer or the returned message may tell the address."""
    server = _SERVER.search(letter.text)
    if not server:
        return []
    said = letter.text[server.start() :]
    to = address_in(said.partition(">")[0]) or letter.returned_to
    return notices(letter.text, _ANY_OLD) or ([notice(to, said)] if to else [])


def _coded(each: Notice) -> Notice:
    """000C05A6: its directory has no such recipient."""
    return replace(each, command="rcpt") if "000C05A6" in each.diagnostic.upper() else each


def _told(letter: Letter, form: Form) -> list[Notice]:
    action = "delayed" if _LATE.search(letter.text) else ""
    found = [replace(each, action=action) for each in notices(letter.text, form)]
    asker = address_in(letter.get("to"))
    return [each for each in found if each.recipient != asker] or found
