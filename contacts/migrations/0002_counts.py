"""Triggers that append to contacts_count, so that every writer (pages, imports, the delivery engine) is counted.

Statement triggers with transition tables where many rows are written at once; row triggers guarded by WHEN
where an update rarely matters, so that an open or a click costs nothing here.
"""

from django.db import migrations

# LATERAL … LIMIT 1: one look into an index a row, whatever the planner believes of the sizes.
# How a set of contacts changes the figures: people, and those among them whose mail is stopped.
PEOPLE = """
    INSERT INTO contacts_count (workspace_id, list_id, key, n)
    SELECT workspace_id, 0, 'people', {sign} count(*) FROM {rows} c WHERE erased_at IS NULL GROUP BY 1
    UNION ALL
    SELECT c.workspace_id, 0, 'stopped', {sign} count(*) FROM {rows} c
      CROSS JOIN LATERAL (
        SELECT FROM contacts_suppression s
         WHERE s.workspace_id = c.workspace_id AND s.address_key = c.address_key AND s.released_at IS NULL LIMIT 1) s
     WHERE c.erased_at IS NULL GROUP BY 1;
"""
SUPPRESSED = """
    INSERT INTO contacts_count (workspace_id, list_id, key, n)
    SELECT workspace_id, 0, 'suppressed:' || reason, {sign} count(*) FROM {rows} s WHERE released_at IS NULL GROUP BY 1, 3
    UNION ALL
    SELECT c.workspace_id, 0, 'stopped', {sign} count(*) FROM {rows} s
      CROSS JOIN LATERAL (
        SELECT c.workspace_id FROM contacts_contact c
         WHERE c.workspace_id = s.workspace_id AND c.address_key = s.address_key AND c.erased_at IS NULL LIMIT 1) c
     WHERE s.released_at IS NULL GROUP BY 1;
"""
MEMBERS = """
    INSERT INTO contacts_count (workspace_id, list_id, key, n)
    SELECT l.workspace_id, s.list_id, s.state, {sign} count(*) FROM {rows} s
      JOIN contacts_list l ON l.id = s.list_id GROUP BY 1, 2, 3;
"""
ONE_ROW = "(SELECT ({which}).*)"


def function(name: str, body: str) -> str:
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$;"


def both_rows(body: str) -> str:
    return body.format(sign="-", rows=ONE_ROW.format(which="OLD")) + body.format(
        sign="", rows=ONE_ROW.format(which="NEW")
    )


def whole_statements(table: str, name: str, body: str) -> str:
    """Count what one INSERT or DELETE wrote, once a statement."""
    return f"""
    {function(f"{name}_in", body.format(sign="", rows="new_rows"))}
    {function(f"{name}_out", body.format(sign="-", rows="old_rows"))}
    CREATE TRIGGER {name}_in AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows
      FOR EACH STATEMENT EXECUTE FUNCTION {name}_in();
    CREATE TRIGGER {name}_out AFTER DELETE ON {table} REFERENCING OLD TABLE AS old_rows
      FOR EACH STATEMENT EXECUTE FUNCTION {name}_out();
    """


FORWARD = f"""
{whole_statements("contacts_contact", "contacts_count_people", PEOPLE)}
{function("contacts_count_people_changed", both_rows(PEOPLE))}
CREATE TRIGGER contacts_count_people_changed AFTER UPDATE ON contacts_contact FOR EACH ROW
  WHEN (OLD.erased_at IS DISTINCT FROM NEW.erased_at OR OLD.address_key <> NEW.address_key)
  EXECUTE FUNCTION contacts_count_people_changed();

{whole_statements("contacts_suppression", "contacts_count_suppressed", SUPPRESSED)}
{function("contacts_count_suppressed_changed", both_rows(SUPPRESSED))}
CREATE TRIGGER contacts_count_suppressed_changed AFTER UPDATE ON contacts_suppression FOR EACH ROW
  WHEN (OLD.released_at IS DISTINCT FROM NEW.released_at OR OLD.reason <> NEW.reason)
  EXECUTE FUNCTION contacts_count_suppressed_changed();

{whole_statements("contacts_subscription", "contacts_count_members", MEMBERS)}
{
    function(
        "contacts_count_members_changed",
        MEMBERS.format(sign="-", rows="old_rows") + MEMBERS.format(sign="", rows="new_rows"),
    )
}
CREATE TRIGGER contacts_count_members_changed AFTER UPDATE ON contacts_subscription
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION contacts_count_members_changed();
"""

FUNCTIONS = [
    f"contacts_count_{what}_{when}" for what in ("people", "suppressed", "members") for when in ("in", "out", "changed")
]
BACK = "".join(f"DROP FUNCTION {name}() CASCADE;" for name in FUNCTIONS)


class Migration(migrations.Migration):
    dependencies = [("contacts", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACK)]
