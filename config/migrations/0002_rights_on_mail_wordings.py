from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    dependencies = [("platform", "0001_groups_of_staff"), ("customers", "0004_erasure")]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
