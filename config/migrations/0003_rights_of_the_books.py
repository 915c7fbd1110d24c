from typing import Any

from django.apps.registry import Apps
from django.db import migrations

from config.admin_site import groups


def take_from_finance(apps: Apps, schema_editor: Any) -> None:
    """Take the right to lock months from finance, since writing the groups only adds rights: an approver locks."""
    finance = apps.get_model("auth", "Group").objects.filter(name="finance").first()
    if finance is not None:
        rights = apps.get_model("auth", "Permission").objects
        finance.permissions.remove(*rights.filter(content_type__app_label="invoices", codename="lock_month"))


class Migration(migrations.Migration):

    dependencies = [
        ("platform", "0002_revenue"),
        ("billing", "0018_data_drop"),
        ("invoices", "0007_payment_indexes"),
        ("wallets", "0006_history_of_breakage_rates"),
    ]

    operations = [
        migrations.RunPython(take_from_finance, migrations.RunPython.noop),
    ]
