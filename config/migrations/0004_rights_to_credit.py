from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Finance credits invoices."""

    dependencies = [("platform", "0003_rights_on_overrides"), ("invoices", "0007_crediting_is_a_right")]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
