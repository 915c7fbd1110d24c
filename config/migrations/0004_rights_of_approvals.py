"""The rights of the groups on approval requests and rules."""

from django.db import migrations

from config.admin_site import groups


class Migration(migrations.Migration):
    """A release that adds rights writes the groups again: the next one by a migration of its own, instead of this."""

    dependencies = [
        ("platform", "0003_rights_of_the_books"),
        ("access", "0002_approvals"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
