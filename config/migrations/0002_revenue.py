from django.db import migrations


class Migration(migrations.Migration):
    """Rights of the books."""

    dependencies = [
        ("platform", "0001_groups_of_staff"),
        ("billing", "0017_adapters"),
        ("customers", "0007_several_sellers"),
        ("invoices", "0004_several_sellers"),
        ("plans", "0010_fee_recognition"),
        ("wallets", "0005_several_sellers"),
    ]

    operations = []
