"""The rights to approve price changes and plan migrations, as those of all other acts."""

from django.db import migrations


class Migration(migrations.Migration):
    """Nothing is left to do here: the latest migration writes the groups, and replaces the former permissions."""

    dependencies = [
        ("platform", "0004_rights_of_approvals"),
        ("access", "0005_price_changes_and_migrations"),
        ("plans", "0011_one_approval"),
        ("billing", "0021_one_approval"),
    ]

    operations = []
