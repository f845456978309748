from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0011_sts_policy"),
    ]

    operations = [
        migrations.AddField(
            model_name="bucket",
            name="refused_rate",
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="bucket",
            name="slowed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="bucket",
            name="slowed_cause",
            field=models.CharField(blank=True, db_default="", default="", max_length=80),
        ),
        migrations.AddField(
            model_name="bucket",
            name="slowed_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="bucket",
            name="slowed_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="limit",
            name="idle_seconds",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="bucket",
            index=models.Index(
                condition=models.Q(("slowed_until__isnull", False)), fields=["slowed_until"], name="bucket_slowed"
            ),
        ),
    ]
