from datetime import timedelta

from django.db import migrations, models

_TRIED = """
    UPDATE delivery_deferral f SET tried_at = m.started_at FROM delivery_mailing m
    WHERE m.id = f.mailing_id AND f.attempt > 0
"""


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0024_report_raw"),
    ]

    operations = [
        migrations.AddField(
            model_name="mailing",
            name="stood_still",
            field=models.DurationField(default=timedelta(), db_default=timedelta()),
        ),
        migrations.AddField(
            model_name="deferral",
            name="tried_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunSQL(_TRIED, migrations.RunSQL.noop),
    ]
