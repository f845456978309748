"""The sentences of "Test this route": what each step means, and what to do when it fails."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_noop, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from delivery.smtp.faults import Fault
from delivery.smtp.replies import Reply


class StepName(enum.StrEnum):
    """In the order in which a connection comes about."""

    DNS = "dns"
    CONNECT = "connect"
    BANNER = "banner"
    HELO = "helo"
    TLS = "tls"
    AUTH = "auth"
    # Of our own name, which is no part of the connection.
    SOURCE = "source"
    NAME = "name"
    REVERSE = "reverse"

    @property
    def label(self) -> str | Promise:
        return _LABELS[self]


_LABELS: dict[StepName, str | Promise] = {
    StepName.DNS: pgettext_lazy("network", "Name"),
    StepName.CONNECT: pgettext_lazy("network", "Connection"),
    StepName.BANNER: _("Greeting"),
    StepName.HELO: _("Introduction (EHLO)"),
    StepName.TLS: _("Encryption (TLS)"),
    StepName.AUTH: _("Sign-in"),
    StepName.SOURCE: _("Source address"),
    StepName.NAME: _("Name in EHLO"),
    StepName.REVERSE: _("Reverse name (PTR)"),
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence to be translated when it is shown."""

    key: str
    params: tuple[tuple[str, str | int], ...] = ()

    def __str__(self) -> str:
        return gettext(self.key) % dict(self.params)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: how it went, in words, and what the other side said or showed, as it came."""

    name: StepName
    ok: bool
    sentence: Sentence
    detail: str = ""

    @property
    def label(self) -> str | Promise:
        return self.name.label

    @property
    def text(self) -> str:
        return str(self.sentence)


_DONE = {
    StepName.DNS: gettext_noop("The name was found."),
    StepName.CONNECT: gettext_noop("The server takes connections on port %(port)s."),
    StepName.BANNER: gettext_noop("The server says hello."),
    StepName.HELO: gettext_noop("The server accepts our introduction."),
    StepName.TLS: gettext_noop("The connection is encrypted."),
    StepName.AUTH: gettext_noop("User name and password are right."),
}

_SAID = {
    StepName.DNS: gettext_noop("The name was not found."),
    StepName.CONNECT: gettext_noop("The connection failed."),
    StepName.BANNER: gettext_noop("The server does not want to talk to us."),
    StepName.HELO: gettext_noop("The server refuses our introduction."),
    StepName.TLS: gettext_noop("The server refuses to encrypt the connection."),
    StepName.AUTH: gettext_noop("The server refuses the sign-in for now."),
}  # where the server itself said why: its words stand beside it

_FAILED: dict[str, str] = {
    Fault.DNS_TEMPORARY: gettext_noop("The DNS did not answer. This server may have no name resolution."),
    Fault.NO_SUCH_DOMAIN: gettext_noop("There is no server with this name. Check the spelling."),
    Fault.CONNECT_REFUSED: gettext_noop("The server is there, but port %(port)s is closed on it."),
    Fault.CONNECT_TIMEOUT: gettext_noop(
        "Nothing answers on port %(port)s. A firewall on the way swallows the connection."
    ),
    Fault.NETWORK_UNREACHABLE: gettext_noop("There is no way from here to the server. Check this server's network."),
    Fault.CONNECT_RESET: gettext_noop("The server hung up before it said anything."),
    Fault.SOURCE_ADDRESS: gettext_noop("The source address of this route does not belong to this server."),
    Fault.ROUTE_SETTINGS: gettext_noop("A setting of this route cannot be used."),
    Fault.BANNER_TIMEOUT: gettext_noop("The connection stands, but the server says nothing."),
    Fault.PROTOCOL_ERROR: gettext_noop("What answers on port %(port)s is not a mail server."),
    Fault.TLS_UNAVAILABLE: gettext_noop("The server offers no STARTTLS on this port, so nothing was sent to it."),
    Fault.TLS_FAILED: gettext_noop("Encryption could not be agreed on."),
    Fault.TLS_CERTIFICATE: gettext_noop("The server's certificate cannot be trusted."),
    Fault.AUTH_FAILED: gettext_noop("User name or password is wrong."),
    Fault.AUTH_UNAVAILABLE: gettext_noop("The server offers no way to sign in that we may use."),
    Fault.TIMEOUT: gettext_noop("The server stopped answering."),
    Fault.DROPPED: gettext_noop("The server hung up."),
}  # where we saw it ourselves

OTHER_NAME = gettext_noop(
    "The certificate belongs to another name. Enter the host name exactly as the provider gives it."
)
SELF_SIGNED = gettext_noop("The certificate is self-signed. If the server is yours, give its CA file to this route.")
UNKNOWN_AUTHORITY = gettext_noop(
    "The certificate comes from an unknown authority. If the server is yours, give its CA file to this route."
)
_CERTIFICATE = (
    ("expired", gettext_noop("The server's certificate has expired. Whoever runs the server must renew it.")),
    ("not yet valid", gettext_noop("The certificate is not valid yet. Check the clock of this server.")),
    ("mismatch", OTHER_NAME),
    ("not valid for", OTHER_NAME),
    ("self-signed certificate", SELF_SIGNED),
    ("self signed certificate", SELF_SIGNED),
    ("unable to get local issuer", UNKNOWN_AUTHORITY),
)  # what OpenSSL says, in lower case

OP25B = gettext_noop(
    "Port 25 is blocked between here and the Internet, as usual at home and at most hosting companies in Japan "
    "(OP25B). Send through a smarthost on port 587 or 465 instead."
)
USE_IMPLICIT = gettext_noop("Port 465 speaks TLS from the first byte: choose implicit TLS.")
USE_STARTTLS = gettext_noop("This port begins without encryption: choose STARTTLS.")
USE_TLS = gettext_noop(
    "The connection is not encrypted, and a password never travels in clear: choose STARTTLS or implicit TLS."
)

NO_ANSWER = gettext_noop("The DNS did not answer. Try again in a minute.")
SOURCE_HERE = gettext_noop("%(address)s belongs to this server.")
SOURCE_ELSEWHERE = gettext_noop(
    "%(address)s does not belong to this server, so nothing can leave. Enter one of its own addresses, or none."
)
NAME_NOT_FULL = gettext_noop(
    "“%(name)s” is no full host name. Enter one like mail.example.com, or set SMTP_HOSTNAME for the whole install."
)
NAME_NOT_IN_DNS = gettext_noop("%(name)s has no address in the DNS. Add an A or AAAA record with the address we use.")
NAME_LEADS_HERE = gettext_noop("%(name)s leads to %(address)s.")
NAME_LEADS_ELSEWHERE = gettext_noop(
    "%(name)s leads to %(found)s, not to the source address %(address)s. Correct its A or AAAA record."
)
NO_REVERSE = gettext_noop(
    "%(address)s has no reverse name. Ask whoever gave you the address to set its PTR record to %(name)s."
)
REVERSE_ELSEWHERE = gettext_noop(
    "%(address)s is called %(found)s. Enter that name for EHLO, or ask whoever gave you the address to set its PTR "
    "record to %(name)s."
)
REVERSE_RIGHT = gettext_noop("%(address)s is called %(name)s, and that name leads back to it.")
OF_OUR_NAME = (
    NO_ANSWER, SOURCE_HERE, SOURCE_ELSEWHERE, NAME_NOT_FULL, NAME_NOT_IN_DNS, NAME_LEADS_HERE, NAME_LEADS_ELSEWHERE,
    NO_REVERSE, REVERSE_ELSEWHERE, REVERSE_RIGHT,
)  # fmt: skip


def done(name: StepName, port: int) -> Sentence:
    """A step that went well."""
    return _with_port(_DONE[name], port)


def failed(name: StepName, reply: Reply, port: int) -> Sentence:
    """Why a step did not."""
    if reply.synthetic == Fault.TLS_CERTIFICATE:
        said = reply.text.lower()
        return Sentence(next((key for part, key in _CERTIFICATE if part in said), _FAILED[Fault.TLS_CERTIFICATE]))
    return _with_port(_FAILED.get(reply.synthetic, _SAID[name]), port)


def _with_port(key: str, port: int) -> Sentence:
    return Sentence(key, (("port", port),) if "%(port)s" in key else ())
