from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0009_sealed_letters"),
    ]

    operations = [
        migrations.RemoveField(model_name="sandboxmail", name="raw"),
    ]
