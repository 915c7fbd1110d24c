from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Finance and operations cap what a customer spends; everybody else who sees subscriptions sees it."""

    dependencies = [("platform", "0008_rights_to_approve"), ("billing", "0018_spend_is_capped")]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
