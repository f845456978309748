"""Whether a report speaks of the address that we mailed, or of one that the person forwards it to. Pure."""

from __future__ import annotations

from delivery.providers import provider_of_domain


def same_mailbox(rcpt: str, reported: str) -> bool:
    """True where it may be the same one: a house writes its own domain in several ways, and some servers name nobody.

    Another name is another mailbox, of a colleague whom a shared address is passed on to, for one.
    """
    local, _, domain = rcpt.lower().rpartition("@")
    other_local, _, other = reported.lower().rpartition("@")
    if not local or not other_local:
        return True
    if _plain(local) != _plain(other_local):
        return False
    provider = provider_of_domain(domain)
    if provider or provider_of_domain(other):
        return provider == provider_of_domain(other)
    return domain == other or domain.endswith("." + other) or other.endswith("." + domain)


def _plain(local: str) -> str:
    """Without the parts that providers ignore: a tag, dots."""
    return local.partition("+")[0].replace(".", "")
