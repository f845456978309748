"""When a refused message is tried again (RFC 5321, 4.5.4.1). Pure: chance is an argument, seconds come back."""

from __future__ import annotations

from delivery.knowledge import Category

MINUTE = 60.0
HOUR = 60 * MINUTE
FIRST = 30 * MINUTE
LONGEST = 8 * HOUR
GREYLIST = (5 * MINUTE, 15 * MINUTE)
SANDBOX = 20.0


def delay(category: Category, attempt: int, chance: float, *, sandbox: bool = False) -> float:
    """Seconds until the try after number `attempt` (1 is the first). `chance` in 0..1 spreads them.

    Greylisting wants us back soon, once; everything else waits half an hour, then half as long again each time.
    """
    if sandbox:
        return SANDBOX
    if category is Category.GREYLISTED and attempt <= 2:
        low, high = GREYLIST
        return low + (high - low) * chance
    grown = min(FIRST * 1.5 ** max(0, attempt - 1), LONGEST)
    return grown * (0.8 + 0.4 * chance) if attempt > 1 else grown * (1 + 0.2 * chance)


CLOSED_FIRST = MINUTE
CLOSED_GENTLY = 1.0
CLOSED_LONGEST = 30 * MINUTE


def closed_for(closings: int, *, gently: bool = False) -> float:
    """Seconds that a site or route stays closed after its `closings`-th failure in a row (1 is the first).

    Gently: it answers and asks for less, so that it is asked again soon.
    """
    first = CLOSED_GENTLY if gently else CLOSED_FIRST
    return min(first * 2.0 ** max(0, closings - 1), CLOSED_LONGEST)
