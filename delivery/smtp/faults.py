"""Failures that no server put into words: each a sentence and the reply that stands for it."""

from __future__ import annotations

import enum

from delivery.smtp.replies import EnhancedStatus, Phase, Reply, clean


class Fault(enum.StrEnum):
    """Why there is no usable answer. The value is `Reply.synthetic`; the knowledge base maps it to a cause."""

    sentence: str
    code: int
    enhanced: str

    def __new__(cls, value: str, code: int, enhanced: str, sentence: str) -> Fault:
        member = str.__new__(cls, value)
        member._value_ = value
        member.code, member.enhanced, member.sentence = code, enhanced, sentence
        return member

    # Before any connection.
    DNS_TEMPORARY = "dns_temporary", 451, "4.4.3", "The DNS of this domain did not answer, or answered with an error."
    NO_SUCH_DOMAIN = "no_such_domain", 550, "5.1.2", "This domain does not exist in the DNS."
    NO_MAIL_HOST = "no_mail_host", 550, "5.1.2", "This domain has neither an MX nor an address: it takes no mail."
    NULL_MX = "null_mx", 556, "5.1.10", "This domain says that it takes no mail (null MX)."
    MX_NOT_PUBLIC = "mx_not_public", 550, "5.4.4", "The mail servers of this domain have only private addresses."
    MX_TOO_MANY = "mx_too_many", 451, "4.4.3", "The domain lists more than 50 mail servers: its DNS is broken."
    # The connection.
    CONNECT_REFUSED = "connect_refused", 421, "4.4.1", "The server is there, but nothing listens on this port."
    CONNECT_TIMEOUT = "connect_timeout", 421, "4.4.1", "The server did not take the connection in time."
    CONNECT_RESET = "connect_reset", 421, "4.4.2", "The server cut the connection before it said anything."
    NETWORK_UNREACHABLE = "network_unreachable", 421, "4.4.1", "There is no way to the server from this machine."
    SOURCE_ADDRESS = "source_address", 421, "4.3.5", "The source address of this route is not on this machine."
    ROUTE_SETTINGS = "route_settings", 421, "4.3.5", "A setting of this route cannot be used."
    BANNER_TIMEOUT = "banner_timeout", 421, "4.4.2", "The connection stood, but the server never greeted."
    # TLS and AUTH: the route's own configuration.
    TLS_UNAVAILABLE = "tls_unavailable", 454, "4.7.4", "The server offers no STARTTLS, but this route demands it."
    TLS_FAILED = "tls_failed", 454, "4.7.5", "The TLS handshake failed."
    TLS_CERTIFICATE = "tls_certificate", 454, "4.7.5", "The server's certificate cannot be trusted."
    AUTH_FAILED = "auth_failed", 454, "4.7.8", "The server does not accept this user name and password."
    AUTH_UNAVAILABLE = "auth_unavailable", 454, "4.7.4", "The server offers no sign-in method that may be used here."
    # The MTA-STS policy of the recipient's domain (RFC 8461, 5): about that domain, not about our route.
    STS_NO_MX = "sts_no_mx", 454, "4.7.5", "The domain's MTA-STS policy names none of its mail servers."
    STS_NO_TLS = "sts_no_tls", 454, "4.7.5", "The domain's MTA-STS policy demands TLS, which could not be agreed on."
    STS_CERTIFICATE = "sts_certificate", 454, "4.7.5", "The domain's MTA-STS policy demands a valid certificate."
    # Within the dialogue.
    TIMEOUT = "timeout", 421, "4.4.2", "The server did not answer in time."
    TIMEOUT_AFTER_DOT = "timeout_after_dot", 421, "4.4.2", "The message was sent; the answer did not come in time."
    DROPPED = "dropped", 421, "4.4.2", "The server closed the connection in mid-dialogue."
    DROPPED_AFTER_DOT = "dropped_after_dot", 421, "4.4.2", "The message was sent; the line broke before an answer."
    PROTOCOL_ERROR = "protocol_error", 421, "4.5.0", "The server answered something that is not SMTP."
    WITHDRAWN = "withdrawn", 421, "4.3.2", "We ended the connection before this message was sent."
    # This message cannot go to this server.
    SIZE_EXCEEDED = "size_exceeded", 552, "5.3.4", "The message is larger than the server takes."
    UTF8_NOT_OFFERED = "utf8_not_offered", 550, "5.6.7", "The server takes no such characters in addresses (SMTPUTF8)."
    EIGHT_BIT_NOT_OFFERED = "eight_bit_not_offered", 554, "5.6.3", "The message has 8-bit text; the server wants 7-bit."
    BAD_ADDRESS = "bad_address", 553, "5.1.3", "This address cannot be written in an SMTP command."

    def reply(self, phase: Phase, detail: str = "") -> Reply:
        """The reply that stands for this fault; `detail` (an error's text) is shown behind the sentence."""
        text = f"{self.enhanced} {self.sentence}" + (f" ({clean(detail)})" if detail else "")
        return Reply(self.code, text, EnhancedStatus.find(self.enhanced), phase, self.value)


class Ending(enum.StrEnum):
    """What one reply means for the person it is about (reliability, not advice)."""

    DELIVERED = "delivered"  # 2xx after the dot
    DEFERRED = "deferred"  # refused for now: one attempt
    FAILED = "failed"  # refused for good
    RETURNED = "returned"  # nothing was said about this person: no attempt
    UNCERTAIN = "uncertain"  # the dot may have been taken, no answer is known


STS = frozenset({Fault.STS_NO_MX, Fault.STS_NO_TLS, Fault.STS_CERTIFICATE})
_BEFORE_MAIL = frozenset({Phase.CONNECT, Phase.TLS, Phase.HELO, Phase.AUTH})


def ending(reply: Reply) -> Ending:
    """Which way a message goes by its last reply; the caller may still know better (three marks: held)."""
    if reply.phase is Phase.DOT and reply.synthetic:
        return Ending.UNCERTAIN
    if reply.synthetic in STS:
        return Ending.DEFERRED
    if reply.phase in _BEFORE_MAIL or reply.synthetic == Fault.WITHDRAWN:
        return Ending.RETURNED
    if reply.ok:
        return Ending.DELIVERED
    if reply.permanent:
        return Ending.FAILED
    if reply.phase is Phase.MAIL and (reply.code == 421 or reply.synthetic):
        return Ending.RETURNED
    return Ending.DEFERRED
