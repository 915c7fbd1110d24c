from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Finance, operations and engineers make test clocks and advance them; everybody sees them."""

    dependencies = [
        ("platform", "0021_rights_to_simulate"),
        ("customers", "0005_customers_may_live_in_a_time_of_their_own"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
