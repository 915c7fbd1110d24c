from django.db import migrations

from config.admin_site import groups


class Migration(migrations.Migration):
    """A release that adds rights writes the groups again: the next one by a migration of its own, instead of this."""

    dependencies = [
        ("platform", "0002_revenue"),
        ("invoices", "0006_history_of_write_offs"),
        ("wallets", "0006_history_of_breakage_rates"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
