from django.db import migrations


class Migration(migrations.Migration):
    """Rights of write-offs; the last migration of this app writes the groups, once all their rights exist."""

    dependencies = [
        ("platform", "0002_revenue"),
        ("invoices", "0006_history_of_write_offs"),
        ("wallets", "0006_history_of_breakage_rates"),
    ]

    operations = []
