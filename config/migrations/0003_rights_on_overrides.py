from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Finance and operations agree figures with a customer; everybody else who sees subscriptions sees them."""

    dependencies = [
        ("platform", "0002_rights_on_unit_costs"),
        ("billing", "0010_subscriptions_have_figures_of_their_own"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
