"""The words in which a failure is explained. Values only."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Category(enum.StrEnum):
    """What happened: one word a reply, the same in code, database, pages and API."""

    INVALID_RECIPIENT = "invalid_recipient"  # the address does not exist, or has moved
    INACTIVE_MAILBOX = "inactive_mailbox"  # it exists, and is switched off
    MAILBOX_FULL = "mailbox_full"  # the person's mailbox has no room
    INVALID_DOMAIN = "invalid_domain"  # the part after the @ does not exist, or takes no mail
    RECIPIENT_POLICY = "recipient_policy"  # the person, group or carrier does not want it
    AUTH_SPF = "auth_spf"  # SPF did not pass
    AUTH_DKIM = "auth_dkim"  # the DKIM signature did not pass
    AUTH_DMARC = "auth_dmarc"  # nothing proved the visible sender
    PTR_HELO = "ptr_helo"  # the sending server's own name is not in order
    TLS_REQUIRED = "tls_required"  # they take mail over an encrypted connection only
    TLS_FAILED = "tls_failed"  # the encrypted connection could not be made
    IP_REPUTATION = "ip_reputation"  # they distrust the sending server
    DOMAIN_REPUTATION = "domain_reputation"  # they distrust the sending domain or address
    BLOCKLIST = "blocklist"  # a public list names the server or domain
    CONTENT_SPAM = "content_spam"  # the message looked like spam to them
    CONTENT_URL = "content_url"  # a link in the message is listed
    VIRUS = "virus"  # they found, or think they found, malware
    ATTACHMENT = "attachment"  # a kind of attachment that they refuse
    SIZE = "size"  # the message is too big
    RATE_LIMITED = "rate_limited"  # too much in too little time
    GREYLISTED = "greylisted"  # strangers are asked to come back later
    TOO_MANY_CONNECTIONS = "too_many_connections"  # too many connections at once
    REMOTE_BUSY = "remote_busy"  # their server has a trouble of its own
    NETWORK = "network"  # no answer, or the connection broke
    DNS_TEMPORARY = "dns_temporary"  # the domain's records could not be read just now
    EXPIRED = "expired"  # tried for as long as allowed, then given up
    RELAY_DENIED = "relay_denied"  # that server does not handle mail for the address
    OUR_CREDENTIALS = "our_credentials"  # our own route does not let us send
    PROTOCOL = "protocol"  # the two servers did not understand each other
    UTF8 = "utf8"  # the address needs SMTPUTF8, their server has none
    LOOP = "loop"  # the message goes round in a circle on their side
    AUTO_REPLY = "auto_reply"  # an automatic answer, no failure
    COMPLAINT = "complaint"  # the person called it spam
    UNKNOWN = "unknown"  # no rule knows this reply


class Scope(enum.StrEnum):
    """Whom the reply is about. Only a recipient may be suppressed for it."""

    RECIPIENT = "recipient"  # this one address
    RECIPIENT_DOMAIN = "recipient_domain"  # everyone at that domain
    SITE = "site"  # the provider that runs the receiving servers
    SOURCE = "source"  # our sending server or route
    SENDING_DOMAIN = "sending_domain"  # the domain in From or in the return-path
    CAMPAIGN = "campaign"  # this message to anybody


class Action(enum.StrEnum):
    """What Shirase does about it."""

    SUPPRESS_NOW = "suppress_now"  # never mail this address again
    SUPPRESS_AFTER_N = "suppress_after_n"  # count it; stop at the category's number
    RETRY = "retry"  # try again later
    RETRY_SLOW = "retry_slow"  # slow the site down, then try again
    PAUSE_ROUTE = "pause_route"  # the route should not go on like this
    PAUSE_DOMAIN = "pause_domain"  # the domain of the scope rests: the sender's, or the recipient's
    FIX_DNS = "fix_dns"  # a DNS record of the sender must change
    FIX_CONTENT = "fix_content"  # the message must change
    FIX_CREDENTIALS = "fix_credentials"  # the route's account must change
    IGNORE = "ignore"  # nothing beyond this one message


SUPPRESSING = frozenset({Action.SUPPRESS_NOW, Action.SUPPRESS_AFTER_N})


@dataclass(frozen=True, slots=True)
class Explanation:
    """Plain words for people, in one language."""

    title: str
    why: str
    advice: tuple[str, ...]  # the first one names who must act


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why mail fails; every entry points to one. `id` is stored and never changes."""

    id: str
    category: Category
    scope: Scope
    action: Action
    retry: bool
    hard: bool  # the address or its domain does not exist, has moved, or takes no mail
    en: Explanation
    ja: Explanation


@dataclass(frozen=True, slots=True)
class Entry:
    """How to recognise a cause: every field that is given must fit.

    `must` holds alternatives: of each inner tuple one substring has to be in the text.
    """

    id: str
    cause: str
    provider: str = ""  # a family of delivery.providers
    phases: tuple[str, ...] = ()
    reply: str = ""  # a prefix: "5", "55", "550"
    enhanced: str = ""  # "5.1.1", "*.2.2", "5.7.60*"
    must: tuple[tuple[str, ...], ...] = ()
    never: tuple[str, ...] = ()
    retry: bool | None = None  # only where the reply's first digit misleads
    confidence: float = 0.0
    source_url: str = ""
    source_date: str = ""
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one reply means. `cause` is a key of CAUSES, `entry` the rule that said so."""

    cause: str
    category: Category
    scope: Scope
    action: Action
    retry: bool
    hard: bool
    entry: str
    confidence: float
