from typing import Any

from django.apps.registry import Apps
from django.db import migrations


def take_from_finance(apps: Apps, schema_editor: Any) -> None:
    """Take the right to lock months from finance: it prepares the month, and an approver locks it."""
    finance = apps.get_model("auth", "Group").objects.get(name="finance")
    rights = apps.get_model("auth", "Permission").objects
    finance.permissions.remove(*rights.filter(content_type__app_label="invoices", codename="lock_month"))


class Migration(migrations.Migration):
    """Writing the groups only adds rights, so this removes the one that finance had."""

    dependencies = [("platform", "0003_write_offs"), ("invoices", "0007_payment_indexes")]

    operations = [migrations.RunPython(take_from_finance, migrations.RunPython.noop)]
