from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Finance and operations agree minimum commitments with single customers."""

    dependencies = [("platform", "0006_rights_on_promises"), ("billing", "0017_subscriptions_promise_on_their_own")]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
