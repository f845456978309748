"""A report says that a domain does not exist or takes no mail: the DNS is asked, since a domain rests for everybody."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

from django.utils import timezone

from delivery.dns import Resolver
from delivery.knowledge import classify
from delivery.models import Domain
from delivery.queue.outcomes import NO_ADDRESS
from delivery.queue.settle import REST_DAYS
from delivery.smtp.replies import Reply


def rests(domain: Domain) -> bool | None:
    """Whether the DNS says so too, and the domain now rests; None while it gives no answer."""
    if domain.rests_until and domain.rests_until > timezone.now():
        return True
    found = asyncio.run(Resolver.from_settings().resolve_mx(domain.name, random.Random()))
    if not isinstance(found, Reply):
        return False
    if found.synthetic not in NO_ADDRESS:
        return None if found.temporary else False
    until = timezone.now() + timedelta(days=REST_DAYS)
    Domain.objects.filter(pk=domain.pk).update(rests_until=until, rest_cause=classify(found).cause)
    return True
