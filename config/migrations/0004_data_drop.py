from django.db import migrations

from config.admin_site import groups


class Migration(migrations.Migration):
    """A release that adds rights writes the groups again: the next one by a migration of its own, instead of this."""

    dependencies = [("platform", "0003_write_offs"), ("billing", "0018_data_drop")]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
