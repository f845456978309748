from django.db import migrations, models

# Nobody knows it of what was folded before: not later than the campaign's end.
_BACKFILL = """
    UPDATE analytics_mailingoutcome o SET last_at = coalesce(g.finished_at, now())
    FROM delivery_mailing g WHERE g.id = o.mailing_id
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0003_alerts"), ("delivery", "0019_waves")]

    operations = [
        migrations.AddField("mailingoutcome", "last_at", models.DateTimeField(null=True)),
        migrations.RunSQL(_BACKFILL, migrations.RunSQL.noop),
    ]
