from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Finance says which credits come with a plan."""

    dependencies = [("platform", "0015_rights_on_webhooks"), ("plans", "0014_versions_include_credits")]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
