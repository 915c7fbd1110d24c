from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Operations and engineers keep webhook endpoints; everybody sees what was told, and who gets a customer's mail."""

    dependencies = [
        ("platform", "0014_rights_on_reservations"),
        ("customers", "0003_who_is_told"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
