from django.db import migrations

from config.admin_site import groups


class Migration(migrations.Migration):
    dependencies = [
        ("platform", "0001_groups_of_staff"),
        ("billing", "0011_accounting_files"),
        ("customers", "0005_revenue_scopes"),
        ("invoices", "0003_frozen_months"),
        ("plans", "0010_fee_recognition"),
        ("wallets", "0003_vouchers"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
