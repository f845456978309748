"""The dry run's second half and the real thing: staged rows against the people who are here, set by set.

Both use the same words of SQL for what an existing person's values would become, so that the dry run tells the truth.
A slice is one transaction: the people, their history, their lists, the counts and the cursor.
"""

from __future__ import annotations

from typing import Any

from django.db import connection

from contacts.importing.mapping import Options
from contacts.importing.staging import last_row
from contacts.models import Field, Import

SLICE = 5000

_ROWS = """
rows AS MATERIALIZED (
  SELECT * FROM contacts_stagedrow WHERE imported_id = %(import)s AND row > %(low)s AND row <= %(high)s)"""
# LATERAL … LIMIT 1: one look into an index a row, however large the table has grown since its last ANALYZE.
# What an existing person's values become. A staged NULL says nothing; JSON null in fields erases.
_BEFORE = """
before AS MATERIALIZED (
  SELECT c.id, r.row, r.subscribe, c.first_name, c.last_name, c.language, c.tags, c.fields,
         CASE WHEN %(update)s THEN coalesce(r.first_name, c.first_name) ELSE c.first_name END AS new_first_name,
         CASE WHEN %(update)s THEN coalesce(r.last_name, c.last_name) ELSE c.last_name END AS new_last_name,
         CASE WHEN %(update)s THEN coalesce(r.language, c.language) ELSE c.language END AS new_language,
         CASE WHEN %(update)s AND NOT r.tags <@ c.tags
              THEN c.tags || ARRAY(SELECT t FROM unnest(r.tags) t WHERE t <> ALL(c.tags)) ELSE c.tags END AS new_tags,
         CASE WHEN %(update)s AND r.fields <> '{}'
              THEN jsonb_strip_nulls(c.fields || r.fields) ELSE c.fields END AS new_fields
    FROM rows r CROSS JOIN LATERAL (
      SELECT * FROM contacts_contact WHERE workspace_id = %(workspace)s AND address_key = r.address_key LIMIT 1) c)"""
_DIFFERS = """(b.first_name, b.last_name, b.language, b.tags, b.fields)
    IS DISTINCT FROM (b.new_first_name, b.new_last_name, b.new_language, b.new_tags, b.new_fields)"""
_STOPPED = """
  SELECT r.row, s.reason, r.address FROM rows r
    CROSS JOIN LATERAL (
      SELECT reason FROM contacts_suppression
       WHERE workspace_id = %(workspace)s AND address_key = r.address_key AND released_at IS NULL LIMIT 1) s"""
_LISTS = "unnest(%(lists)s::bigint[]) AS l(id)"

# The dry run: the same sets, only counted.
_CHECK = f"""
WITH {_ROWS}, {_BEFORE},
stopped AS ({_STOPPED}),
known AS (
  SELECT b.row, {_DIFFERS} OR (b.subscribe AND EXISTS (
           SELECT FROM {_LISTS} WHERE NOT EXISTS (
             SELECT FROM contacts_subscription m WHERE m.list_id = l.id AND m.contact_id = b.id))) AS changes,
         b.subscribe AND EXISTS (
           SELECT FROM contacts_subscription m
            WHERE m.list_id = ANY(%(lists)s) AND m.contact_id = b.id AND m.state = 'unsubscribed') AS kept
    FROM before b WHERE b.row NOT IN (SELECT row FROM stopped))
SELECT (SELECT count(*) FROM rows) - (SELECT count(*) FROM stopped) - (SELECT count(*) FROM known) AS added,
       (SELECT count(*) FROM known WHERE changes) AS updated,
       (SELECT count(*) FROM known WHERE NOT changes) AS unchanged,
       (SELECT count(*) FROM stopped) AS suppressed,
       (SELECT count(*) FROM known WHERE kept) AS kept
"""

# Rows of stopped addresses go first, into the table of problems: what follows does not see them.
_SET_ASIDE = f"""
WITH {_ROWS}, stopped AS ({_STOPPED}),
gone AS (DELETE FROM contacts_stagedrow s USING stopped t WHERE s.imported_id = %(import)s AND s.row = t.row)
INSERT INTO contacts_importrow (imported_id, row, category, reason, raw)
SELECT %(import)s, row, 'suppressed', reason, address FROM stopped
"""
_CHANGED_VALUE = """CASE WHEN b.{name} IS DISTINCT FROM b.new_{name}
      THEN jsonb_build_object('{name}', jsonb_build_array(to_jsonb(b.{name}), to_jsonb(b.new_{name})))
      ELSE '{{}}' END"""
_CHANGES = (
    " || ".join(_CHANGED_VALUE.format(name=name) for name in ("first_name", "last_name", "language", "tags"))
    + """ || coalesce((
      SELECT jsonb_object_agg('fields.' || k, jsonb_build_array(b.fields -> k, b.new_fields -> k))
        FROM jsonb_object_keys(b.fields || b.new_fields) k
       WHERE b.fields -> k IS DISTINCT FROM b.new_fields -> k), '{}')"""
)
# ON CONFLICT DO NOTHING: somebody may have added the person a moment ago. Such a row is in neither set and stays
# staged; the next round of the slice finds it among the known.
_WRITE = f"""
WITH {_ROWS}, {_BEFORE},
added AS (
  INSERT INTO contacts_contact (workspace_id, address, address_key, domain,
                                first_name, last_name, language, fields, tags)
  SELECT %(workspace)s, address, address_key, domain, coalesce(first_name, ''), coalesce(last_name, ''),
         coalesce(language, ''), jsonb_strip_nulls(fields), tags
    FROM rows r WHERE r.row NOT IN (SELECT row FROM before)
   ORDER BY row
  ON CONFLICT (workspace_id, address_key) DO NOTHING RETURNING id, address_key),
new AS MATERIALIZED (SELECT a.id, r.row, r.subscribe FROM added a JOIN rows r USING (address_key)),
changing AS MATERIALIZED (SELECT b.*, {_CHANGES} AS changes FROM before b WHERE {_DIFFERS}),
changed AS (
  UPDATE contacts_contact c SET first_name = b.new_first_name, last_name = b.new_last_name,
         language = b.new_language, tags = b.new_tags, fields = b.new_fields, updated_at = now()
    FROM changing b WHERE c.id = b.id RETURNING c.id),
history AS (
  INSERT INTO contacts_contactchange (contact_id, at, actor_id, source, added, changes, imported_id, row)
  SELECT id, now(), %(actor)s::bigint, 'import', true, '{{}}'::jsonb, %(import)s, row FROM new
  UNION ALL
  SELECT b.id, now(), %(actor)s, 'import', false, b.changes, %(import)s, b.row
    FROM changing b JOIN changed USING (id)),
members AS (
  INSERT INTO contacts_subscription (list_id, contact_id, state, changed_at, source)
  SELECT l.id, p.id, 'subscribed', now(), 'import'
    FROM (SELECT id, subscribe FROM new UNION ALL SELECT id, subscribe FROM before) p, {_LISTS}
   WHERE p.subscribe
  ON CONFLICT (list_id, contact_id) DO NOTHING RETURNING list_id, contact_id),
consents AS (
  INSERT INTO contacts_consentrecord (contact_id, list_id, action, at, actor_id, source, statement, imported_id)
  SELECT contact_id, list_id, 'subscribed', now(), %(actor)s, 'import', %(statement)s, %(import)s FROM members),
kept AS (
  INSERT INTO contacts_importrow (imported_id, row, category, reason, raw)
  SELECT DISTINCT ON (b.row) %(import)s, b.row, 'kept', 'kept_away', s.address
    FROM before b JOIN contacts_subscription m ON m.contact_id = b.id AND m.list_id = ANY(%(lists)s)
    JOIN rows s ON s.row = b.row
   WHERE b.subscribe AND m.state = 'unsubscribed' RETURNING row),
done AS (
  DELETE FROM contacts_stagedrow s USING (SELECT row FROM new UNION ALL SELECT row FROM before) d
   WHERE s.imported_id = %(import)s AND s.row = d.row),
touched AS (SELECT id FROM changed UNION SELECT m.contact_id FROM members m JOIN before b ON b.id = m.contact_id)
SELECT (SELECT count(*) FROM new) AS added,
       (SELECT count(*) FROM touched) AS updated,
       (SELECT count(*) FROM before) - (SELECT count(*) FROM touched) AS unchanged,
       (SELECT count(*) FROM kept) AS kept,
       (SELECT count(*) FROM rows) - (SELECT count(*) FROM new) - (SELECT count(*) FROM before) AS left_over
"""


def check_step(imported: Import) -> bool:
    """Count what one slice would do; False at the end. The caller's transaction holds both."""
    return _step(imported, imported.estimate, _count_only)


def write_step(imported: Import) -> bool:
    """Write one slice; False at the end. The caller's transaction holds both."""
    return _step(imported, imported.counts, _write)


def make_fields(imported: Import, labels: dict[str, tuple[str, str]]) -> dict[str, str]:
    """Make the fields that the mapping asked for: key → (label, kind). One that is there already stays as it is.

    Returns the kind that each has now. Imports that make the same field wait for each other here.
    """
    rows = [
        Field(workspace=imported.workspace, key=key, label=label, kind=kind) for key, (label, kind) in labels.items()
    ]
    Field.objects.bulk_create(rows, ignore_conflicts=True)
    return dict(Field.objects.of(imported.workspace_id).filter(key__in=labels).values_list("key", "kind"))


def _step(imported: Import, counts: dict[str, int], act: Any) -> bool:
    end = last_row(imported)
    if imported.cursor >= end:
        return False
    high = min(imported.cursor + SLICE, end)
    for name, count in act(_parameters(imported, imported.cursor, high)).items():
        counts[name] = counts.get(name, 0) + count
    imported.cursor = high
    imported.save(update_fields=["cursor", "estimate", "counts"])
    return True


def _count_only(parameters: dict[str, Any]) -> dict[str, int]:
    return _one_row(_CHECK, parameters)


def _write(parameters: dict[str, Any]) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(_SET_ASIDE, parameters)
        counts = {"suppressed": int(cursor.rowcount)}
    left_over = 1
    while left_over:
        round_counts = _one_row(_WRITE, parameters)
        left_over = round_counts.pop("left_over")
        counts = {name: counts.get(name, 0) + round_counts.get(name, 0) for name in counts | round_counts}
    return counts


def _one_row(sql: str, parameters: dict[str, Any]) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        names = [column.name for column in cursor.description]
        return dict(zip(names, cursor.fetchone() or (), strict=True))


def _parameters(imported: Import, low: int, high: int) -> dict[str, Any]:
    options = Options.of(imported.options)
    return {
        "import": imported.pk,
        "workspace": imported.workspace_id,
        "low": low,
        "high": high,
        "update": options.update,
        "lists": options.lists,
        "statement": options.statement,
        "actor": imported.created_by_id,
    }
