"""Whether a report speaks of the address that we mailed, or of one that the person forwards it to. Pure."""

from __future__ import annotations

from delivery.providers import provider_of_domain


def same_mailbox(rcpt: str, reported: str) -> bool:
    """True where it may be the same one: servers rewrite domains and aliases within a house, and some name nobody.

    At a provider of mailboxes for everybody every name is somebody else's.
    """
    local, _, domain = rcpt.lower().rpartition("@")
    other_local, _, other = reported.lower().rpartition("@")
    if not local or not other_local:
        return True
    provider = provider_of_domain(domain)
    if provider or provider_of_domain(other):
        return provider == provider_of_domain(other) and _plain(local) == _plain(other_local)
    return domain == other or domain.endswith("." + other) or other.endswith("." + domain)


def _plain(local: str) -> str:
    """Without the parts that providers ignore: a tag, dots."""
    return local.partition("+")[0].replace(".", "")
