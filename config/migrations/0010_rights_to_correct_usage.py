from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Operations and finance put usage right; everybody who sees usage sees what was put right."""

    dependencies = [
        ("platform", "0009_rights_on_spend_caps"),
        ("billing", "0015_usage_is_corrected_by_appending"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
