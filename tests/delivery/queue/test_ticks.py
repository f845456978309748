"""The clock's work is shared: a long piece of one kind holds no other kind up."""

from __future__ import annotations

import pytest
from django.db import connection

from delivery import mailings
from delivery.models import Mailing, MessageState, PeopleSet
from delivery.queue import ticks
from tests.delivery.queue import world

pytestmark = pytest.mark.django_db

MANY = 30_001  # more than one call gathers


def test_while_many_people_are_gathered_mailings_start_end_and_are_cancelled() -> None:
    here = world.make()
    here.people(["p@example.net"])
    origin, stopped = here.mailing(), here.mailing()
    ticks.advance()
    mailings.stop(Mailing.objects.get(pk=stopped.pk))
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "INSERT INTO delivery_messageexception (message_id, mailing_id, state, cause)"
            " SELECT 1000000 + n, %s, %s, '' FROM generate_series(1, %s) AS n",
            [origin.pk, MessageState.FAILED, MANY],
        )
        cursor.execute(
            "INSERT INTO delivery_message (id, mailing_id, rcpt, domain_id, state, attempts)"
            " SELECT 1000000 + n, %s, '', (SELECT min(id) FROM delivery_domain), %s, 1"
            " FROM generate_series(1, %s) AS n",
            [origin.pk, MessageState.FAILED, MANY],
        )
        cursor.execute("SET session_replication_role = DEFAULT")
    chosen = PeopleSet.objects.create(mailing=origin, state=MessageState.FAILED)
    new = here.mailing()

    while Mailing.objects.get(pk=new.pk).state != Mailing.State.SENDING or not world.ended(stopped)():
        assert ticks.advance(0.0), "there is more to gather"
        chosen.refresh_from_db()
        assert chosen.gathered_at is None
