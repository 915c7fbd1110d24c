from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Finance locks months, approvers unlock them as well; everybody sees which are locked."""

    dependencies = [
        ("platform", "0018_rights_on_packs"),
        ("invoices", "0012_months_are_locked"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
