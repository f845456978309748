import uuid

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from accounts.fields import seal


def seal_mails(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """What the mailbox holds stays readable. Notices that were told are forgotten after a day anyway."""
    mails = apps.get_model("delivery", "SandboxMail").objects
    for mail in mails.only("pk", "uuid", "raw").iterator(chunk_size=100):
        mail.uuid = uuid.uuid4()  # the new column gave every row the same
        seal(mail, "raw_sealed", bytes(mail.raw).decode("latin-1"))
        mails.filter(pk=mail.pk).update(uuid=mail.uuid, raw_sealed=mail.raw_sealed)


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0008_letterhead"),
    ]

    operations = [
        migrations.AddField(
            model_name="content",
            name="uuid",
            field=models.UUIDField(default=uuid.uuid4, editable=False),
        ),
        migrations.AddField(
            model_name="content",
            name="body_sealed",
            field=models.TextField(blank=True, default=""),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="sandboxmail",
            name="uuid",
            field=models.UUIDField(default=uuid.uuid4, editable=False),
        ),
        migrations.AddField(
            model_name="sandboxmail",
            name="raw_sealed",
            field=models.TextField(default=""),
            preserve_default=False,
        ),
        migrations.RunPython(seal_mails, migrations.RunPython.noop),
    ]
