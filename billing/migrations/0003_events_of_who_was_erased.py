from django.db import migrations

from billing.event_table import APPEND_ONLY


class Migration(migrations.Migration):
    """Let the trigger of events allow that the events of a customer who is erased say less."""

    dependencies = [("billing", "0002_what_ends_a_subscription_says_what_is_given_back"), ("customers", "0004_erasure")]

    operations = [migrations.RunSQL(APPEND_ONLY, migrations.RunSQL.noop)]
