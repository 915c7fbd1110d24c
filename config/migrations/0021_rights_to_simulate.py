from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Finance simulates prices on past usage; everybody sees what came of it."""

    dependencies = [
        ("platform", "0020_rights_on_migrations"),
        ("plans", "0018_versions_are_rehearsed"),
        ("billing", "0036_prices_are_simulated"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
