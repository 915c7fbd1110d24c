from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Finance records what usage costs; everybody else who sees prices sees it."""

    dependencies = [("platform", "0001_groups_of_staff"), ("plans", "0006_unit_costs")]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
