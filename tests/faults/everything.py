"""The install as a whole: all of it killed, or parts of it there twice."""

from __future__ import annotations

from delivery.models import Mailing
from tests.faults.stand import Stand


def killed(stand: Stand) -> int:
    """Supervisor, web, workers, scheduler and broker; then `make up`, and no operator."""
    stand.midway()
    left = stand.kill()
    assert not stand.ended(), "it was called finished too early"
    assert stand.mailing.state == Mailing.State.SENDING
    stand.worker = stand.scene.worker()
    stand.drain()
    return left.connections


def doubled(stand: Stand) -> int:
    """Two of what there must be one of: whatever both say twice is done once."""
    stand.midway()
    stand.drain()
    return 0
