from django.db import migrations

from config.admin_site import groups


class Migration(migrations.Migration):
    """A release that adds rights writes the groups again: the next one by a migration of its own, instead of this."""

    dependencies = [
        ("platform", "0001_groups_of_staff"),
        ("billing", "0014_recurring_revenue"),
        ("customers", "0006_revenue_scopes"),
        ("invoices", "0003_frozen_months"),
        ("plans", "0010_fee_recognition"),
        ("wallets", "0004_breakage_rates"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
