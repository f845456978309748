"""People for a campaign, made in the database by INSERT … SELECT: a million take a minute."""

from __future__ import annotations

import json

from django.db import connection

from contacts.models import List
from tests.delivery.content.samples import reader

BLOCK = 100_000

# `at` is the domain's number; addresses end in their own number, so that a receiver can tell people apart.
_PEOPLE = """
    WITH made AS (
        INSERT INTO contacts_contact (workspace_id, address, address_key, domain, fields, tags)
        SELECT %(workspace)s, a, a, d, %(fields)s::jsonb, %(tags)s FROM (
            SELECT 'reader' || n || '@' || d AS a, d
            FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n, LATERAL (SELECT {domain} AS d) named
        ) addressed
        RETURNING id
    )
    INSERT INTO contacts_subscription (list_id, contact_id) SELECT %(list)s, id FROM made ORDER BY id
"""
_EVENLY = "'d' || n %% %(domains)s || '.example.net'"
# Half of them at the ten largest, the other half spread over the rest, as in real lists.
_AS_IN_LIFE = """'d' || CASE WHEN n %% 2 = 0 THEN n / 2 %% 10 ELSE 10 + n / 2 %% (%(domains)s - 10) END
    || '.example.net'"""


def fill(people_list: List, people: int, *, domains: int, evenly: bool = True, start: int = 0) -> None:
    """So many people of so many domains d0.example.net, … on this list, all of whom may be mailed.

    They are numbered from `start` on; a number is once a workspace.
    """
    values = reader()
    tags = values.pop("tags")
    sql = _PEOPLE.format(domain=_EVENLY if evenly else _AS_IN_LIFE)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO delivery_domain (name, rest_cause)"
            " SELECT 'd' || n || '.example.net', '' FROM generate_series(0, %s) AS n ON CONFLICT DO NOTHING",
            [domains - 1],
        )
        for first in range(start, start + people, BLOCK):
            parameters = {
                "workspace": people_list.workspace_id,
                "list": people_list.pk,
                "domains": domains,
                "fields": json.dumps(values),
                "tags": tags,
                "first": first,
                "last": min(first + BLOCK, start + people) - 1,
            }
            cursor.execute(sql, parameters)
        cursor.execute("VACUUM ANALYZE contacts_contact, contacts_subscription, delivery_domain")


def some(people_list: List, people: int, name: str) -> List:
    """A list of the first so many of another one."""
    made = List.objects.create(workspace=people_list.workspace, name=name, list_id_label=name.replace(" ", "-"))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO contacts_subscription (list_id, contact_id) SELECT %s, contact_id FROM contacts_subscription"
            " WHERE list_id = %s ORDER BY contact_id LIMIT %s",
            [made.pk, people_list.pk, people],
        )
    return made
