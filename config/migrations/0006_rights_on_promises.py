from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Finance edits commitments and coupons, and gives coupons out; everybody else who sees prices sees them."""

    dependencies = [
        ("platform", "0005_rights_on_moves"),
        ("plans", "0008_commitments_and_coupons"),
        ("invoices", "0008_true_ups_and_coupons"),
        ("billing", "0013_settlements_and_redemptions"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
