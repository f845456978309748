"""Email addresses: read what people type, refuse what cannot go on the wire, keep what works. Pure.

Three kinds of address go further than a plain ASCII dot-atom: internationalised domains (kept as typed,
matched as A-labels), SMTPUTF8 local parts (RFC 6531), and the old addresses of Japanese carriers that
break RFC 5321's dot rules (`a..b@docomo.ne.jp`, `x.@ezweb.ne.jp`) and are delivered all the same.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from dataclasses import dataclass, replace

from django.utils.translation import gettext_lazy as _
from email_validator import EmailNotValidError, validate_email


class AddressProblem(enum.Enum):
    """Why a text is no address we can send to."""

    EMPTY = "empty"  # nothing there
    CONTROL = "control"  # CR, LF, NUL or another control character: an attack or a broken file
    NO_AT = "no_at"  # no @
    MANY_AT = "many_at"  # more than one @
    SPACE = "space"  # white space or <> inside
    LOCAL = "local"  # the part before @ holds what no server takes
    DOMAIN = "domain"  # the part after @ is no domain name
    LONG = "long"  # beyond 64 octets before @ or 254 in all (RFC 5321, 4.5.3.1)

    @property
    def words(self) -> str:
        """The reason for people, in the language of the moment."""
        return str(_WORDS[self])


_WORDS = {
    AddressProblem.EMPTY: _("There is no address here."),
    AddressProblem.CONTROL: _("The address holds a line break or another control character."),
    AddressProblem.NO_AT: _("The address has no @."),
    AddressProblem.MANY_AT: _("The address has more than one @."),
    AddressProblem.SPACE: _("The address has a space or an angle bracket inside."),
    AddressProblem.LOCAL: _("The part before @ is not valid."),
    AddressProblem.DOMAIN: _("The part after @ is not a domain name."),
    AddressProblem.LONG: _("The address is too long."),
}


@dataclass(frozen=True, slots=True)
class Address:
    """`address` as typed, for sending; `key` to match by; `local` as typed; `domain` as lower-case A-label."""

    address: str
    key: str
    local: str
    domain: str
    fixed: bool = False  # full-width letters or surrounding spaces were put right


# One letter, digit, or other atext (RFC 5322, 3.2.3); no dots at the ends or in a row; a domain of two labels.
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_TOP_LABEL = r"[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN = re.compile(rf"({_ATEXT}(?:\.{_ATEXT})*)@((?:{_LABEL}\.)+{_TOP_LABEL})")
_ATEXT_OR_DOTS = re.compile(rf"(?:{_ATEXT}|\.)+")
# Around an address: white space, and the marks that spreadsheets and web pages leave.
_EDGE = " \t\xa0\u3000\u200b\ufeff"
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_DOTS = str.maketrans("。｡", "..")


def parse(text: str) -> Address | AddressProblem:
    """The address in `text`, or why there is none. About 1 µs for a plain one."""
    plain = _PLAIN.fullmatch(text)
    if plain and len(text) <= 254:
        local, domain = plain[1], plain[2].lower()
        if len(local) <= 64 and "xn--" not in domain and len(domain) <= 253:
            return Address(text, f"{local.lower()}@{domain}", local, domain)
    return _parse_other(text)


def key_of(text: str) -> str | None:
    """The address key, or None where `text` is no address."""
    found = parse(text)
    return found.key if isinstance(found, Address) else None


def _parse_other(text: str) -> Address | AddressProblem:
    cleaned = text.strip(_EDGE).translate(_FULL_WIDTH).strip(" ")
    if any(char in text for char in "\r\n\0") or any(_is_control(char) for char in cleaned):
        return AddressProblem.CONTROL
    if not cleaned:
        return AddressProblem.EMPTY
    found = _parse_cleaned(cleaned)
    if isinstance(found, Address) and found.address != text:
        return replace(found, fixed=True)
    return found


def _is_control(char: str) -> bool:
    """Controls, line and paragraph separators, and marks that reorder or hide text."""
    return unicodedata.category(char) in {"Cc", "Zl", "Zp", "Cf", "Cs"}


def _parse_cleaned(text: str) -> Address | AddressProblem:
    problem = _shape_problem(text)
    if problem:
        return problem
    local, _at, domain = text.translate(_DOTS).rpartition("@")
    ascii_domain = _a_label(domain)
    if ascii_domain is None:
        return AddressProblem.DOMAIN
    if not _sendable_local(local):
        return AddressProblem.LOCAL
    if len(local.encode()) > 64 or len(local.encode()) + 1 + len(ascii_domain) > 254:
        return AddressProblem.LONG
    # NFC, so that one person typed on a Mac (NFD) and elsewhere is one key.
    folded = unicodedata.normalize("NFC", local).lower()
    return Address(f"{local}@{domain}", f"{folded}@{ascii_domain}", local, ascii_domain)


def _shape_problem(text: str) -> AddressProblem | None:
    if "@" not in text:
        return AddressProblem.NO_AT
    if any(char.isspace() or char in "<>" for char in text):
        return AddressProblem.SPACE
    if text.count("@") > 1:
        return AddressProblem.MANY_AT
    return None


def _sendable_local(local: str) -> bool:
    """Dot-atoms with dots anywhere (the carriers' addresses), or what email-validator takes as SMTPUTF8."""
    if local.isascii():
        return bool(_ATEXT_OR_DOTS.fullmatch(local)) and local.strip(".") != ""
    # The dot rules are ours (above): hand over the atoms only.
    atoms = ".".join(part for part in local.split(".") if part)
    try:
        validate_email(f"{atoms}@example.com", check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        # Long local parts are named as such by the caller.
        return len(local.encode()) > 64
    return True


def _a_label(domain: str) -> str | None:
    """The domain as the DNS asks for it, lower case; None where it is none (RFC 5891, UTS 46)."""
    try:
        found = validate_email(f"a@{domain}", check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    name = found.ascii_domain.lower()
    return name if "." in name else None
