from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Finance and operations move subscriptions in bulk; finance approvers agree to it, everybody sees it."""

    dependencies = [
        ("platform", "0019_rights_to_lock_months"),
        ("plans", "0016_migrations_may_need_approval"),
        ("billing", "0035_subscriptions_are_moved_in_bulk"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
