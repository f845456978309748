"""The smarthost no longer takes us: the route pauses, nobody is failed, and it goes on once it was put right."""

from __future__ import annotations

from delivery import mailings, routes
from delivery.models import Mailing, Message, MessageState, Route
from tests.faults.answers import BUSY
from tests.faults.scenes import certificate, folder
from tests.faults.stand import Stand


def refused(stand: Stand) -> int:
    stand.midway()
    stand.answer(auth="535 5.7.8 Wrong user name or password", mail=[BUSY] * 15)
    _pauses_until_put_right(stand, "auth")
    return 0


def certificate_ends(stand: Stand) -> int:
    """The line must be private, so that nothing goes in clear."""
    authority = stand.scene.authority
    assert authority
    stand.midway()
    stand.answer(cert=certificate(authority, folder(), ended=True), mail=[BUSY] * 15)
    _pauses_until_put_right(stand, "tls")
    return 0


def _pauses_until_put_right(stand: Stand, phase: str) -> None:
    route = Route.objects.get(mailingroute__mailing=stand.mailing)

    def paused() -> bool:
        route.refresh_from_db()
        return route.paused_at is not None

    stand.until(paused)
    stand.until(lambda: not stand.ended() and stand.mailing.state == Mailing.State.PAUSED)
    assert not stand.people_in(MessageState.FAILED)
    assert not stand.people_in(MessageState.HELD)
    stand.answer(auth=[], cert=stand.scene.certificate)
    stand.calm()
    routes.resume(route, actor=None)
    mailings.resume(stand.mailing)
    stand.drain()
    tries = set(Message.objects.filter(mailing=stand.mailing).values_list("state", "attempts"))
    assert tries == {(MessageState.DELIVERED, 1)}
