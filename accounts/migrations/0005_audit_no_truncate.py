from django.db import migrations

FORWARD = """
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON accounts_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_audit_append_only();
"""
BACKWARD = "DROP TRIGGER audit_no_truncate ON accounts_auditentry;"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_job_tries")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
