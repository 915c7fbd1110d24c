from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Finance puts value into wallets and takes it out; everybody sees what is in them."""

    dependencies = [
        ("platform", "0011_rights_to_import_usage"),
        ("wallets", "0002_rights_to_steer_credits"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
