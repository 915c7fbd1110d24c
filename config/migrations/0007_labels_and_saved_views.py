"""The rights to edit tags and metadata of invoices, and to share saved views of lists."""

from django.db import migrations

from config.admin_site import groups


class Migration(migrations.Migration):
    """A release that adds rights writes the groups again: the next one by a migration of its own, instead of this."""

    dependencies = [
        ("platform", "0006_bank_statements"),
        ("access", "0008_saved_views"),
        ("invoices", "0011_labels"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
