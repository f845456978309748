"""The servers of a place, one after the other, until one takes a connection, and what it may and may not be then."""

from __future__ import annotations

from dataclasses import replace

import structlog

from delivery import mta_sts
from delivery.sender.jobs import Line
from delivery.smtp.client import Endpoint, Security, connect, may_retry_plain
from delivery.smtp.faults import STS, Fault
from delivery.smtp.replies import Phase, Reply
from delivery.smtp.session import Session
from delivery.smtp.timeouts import Timeouts

log = structlog.get_logger(__name__)


async def dial(line: Line, timeouts: Timeouts) -> Session | Reply:
    """An open session, or what failed.

    The next server is tried only where no connection came about (RFC 5321, 5.1), or where the domain's MTA-STS policy
    forbids this one (RFC 8461, 5.1); if that was so of any, it is what failed.
    """
    failure = Fault.NETWORK_UNREACHABLE.reply(Phase.CONNECT)
    for endpoint in line.endpoints:
        found = await _connect(line, endpoint, timeouts)
        if not isinstance(found, Reply):
            return found
        if failure.synthetic not in STS:
            failure = found
        none = found.synthetic and found.phase in (Phase.CONNECT, Phase.DNS)
        if not none and found.synthetic not in STS:
            break
    return failure


async def _connect(line: Line, endpoint: Endpoint, timeouts: Timeouts) -> Session | Reply:
    if not line.sts:
        return await _as_offered(endpoint, timeouts)
    if endpoint.security is Security.OPPORTUNISTIC:
        return _noted(line, await _as_offered(endpoint, timeouts), Fault.STS_NO_MX.reply(Phase.TLS))
    found = await connect(endpoint, timeouts)
    if not isinstance(found, Reply) or found.phase is not Phase.TLS:
        return found
    doubt = _forbidden(found)
    if line.sts == mta_sts.ENFORCE:
        return doubt
    return _noted(line, await _as_offered(replace(endpoint, security=Security.OPPORTUNISTIC), timeouts), doubt)


async def _as_offered(endpoint: Endpoint, timeouts: Timeouts) -> Session | Reply:
    found = await connect(endpoint, timeouts)
    if isinstance(found, Reply) and may_retry_plain(endpoint, found):
        found = await connect(endpoint, timeouts, plain=True)
    return found


def _forbidden(reply: Reply) -> Reply:
    """A connection that is not as the policy demands, in its words."""
    fault = Fault.STS_CERTIFICATE if reply.synthetic == Fault.TLS_CERTIFICATE else Fault.STS_NO_TLS
    return fault.reply(Phase.TLS, reply.text)


def _noted(line: Line, found: Session | Reply, doubt: Reply) -> Session | Reply:
    """A policy in mode "testing" forbids nothing; what it would have forbidden stands in the log and the dialogue."""
    if isinstance(found, Session):
        found.note = f"MTA-STS (testing): {doubt.text}"
        log.warning("MTA-STS in testing would have forbidden this", place=line.key, host=found.host, why=doubt.text)
    return found
