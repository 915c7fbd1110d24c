from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Operations and finance import usage; everybody who sees usage sees how far an import is."""

    dependencies = [
        ("platform", "0010_rights_to_correct_usage"),
        ("billing", "0020_bulk_work_has_one_home"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
