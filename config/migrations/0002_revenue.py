from django.db import migrations

from config.admin_site import groups


class Migration(migrations.Migration):
    """A release that adds rights writes the groups again: the next one by a migration of its own, instead of this."""

    dependencies = [
        ("platform", "0001_groups_of_staff"),
        ("billing", "0017_adapters"),
        ("customers", "0007_several_sellers"),
        ("invoices", "0004_several_sellers"),
        ("plans", "0010_fee_recognition"),
        ("wallets", "0005_several_sellers"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
