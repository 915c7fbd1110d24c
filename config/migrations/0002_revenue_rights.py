from django.db import migrations

from config.admin_site import groups


class Migration(migrations.Migration):
    dependencies = [
        ("platform", "0001_groups_of_staff"),
        ("billing", "0010_recurring_revenue"),
        ("customers", "0003_revenue_scope"),
        ("plans", "0009_held_values"),
        ("wallets", "0003_vouchers"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
