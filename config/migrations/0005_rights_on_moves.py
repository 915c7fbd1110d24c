from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Finance and operations revoke what is scheduled; everybody else who sees subscriptions sees it."""

    dependencies = [
        ("platform", "0004_rights_to_credit"),
        ("billing", "0012_subscriptions_move_to_a_version_when_their_period_ends"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
