from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Finance records what came in; everybody sees it."""

    dependencies = [
        ("platform", "0012_rights_on_wallets"),
        ("invoices", "0010_payments"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
