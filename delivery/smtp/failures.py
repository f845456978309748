"""What aiosmtplib, OpenSSL and the network raise, as replies. Pure."""

from __future__ import annotations

import errno
import ssl

import aiosmtplib

from delivery.smtp.faults import Fault
from delivery.smtp.replies import EnhancedStatus, Phase, Reply, clean


class OpeningFailed(Exception):
    """A step of opening a connection failed; the reply says how. Stays within the opening."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


def as_reply(code: int, text: str, phase: Phase) -> Reply:
    if not 200 <= code <= 599:  # aiosmtplib's own -1: not an SMTP reply
        return Fault.PROTOCOL_ERROR.reply(phase, text)
    text = clean(text)
    return Reply(code, text, EnhancedStatus.find(text), phase)


def auth_failure(code: int, text: str) -> Reply:
    """535 is our own set-up, never the recipient's fault: named, so that the route pauses (RFC 4954, 6)."""
    reply = as_reply(code, text, Phase.AUTH)
    if code not in (530, 535):
        return reply
    return Reply(code, reply.text, reply.status, Phase.AUTH, Fault.AUTH_FAILED.value)


def connect_fault(error: OSError) -> Fault:
    if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        return Fault.CONNECT_TIMEOUT
    if error.errno == errno.ECONNREFUSED:
        return Fault.CONNECT_REFUSED
    if error.errno == errno.ECONNRESET:
        return Fault.CONNECT_RESET
    return Fault.NETWORK_UNREACHABLE


def banner_failure(error: aiosmtplib.SMTPConnectError, *, implicit: bool) -> Reply:
    cause = error.__cause__
    if implicit and isinstance(cause, OSError) and not isinstance(cause, aiosmtplib.SMTPException):
        return tls_failure(cause)
    return Fault.CONNECT_RESET.reply(Phase.CONNECT, str(cause or error))


def tls_failure(error: BaseException) -> Reply:
    """What broke the handshake, in OpenSSL's words behind ours."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return Fault.TLS_CERTIFICATE.reply(Phase.TLS, seen.verify_message)
        seen = seen.__cause__ or seen.__context__
    return Fault.TLS_FAILED.reply(Phase.TLS, str(error))
