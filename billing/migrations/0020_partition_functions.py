from django.db import migrations

from billing.revenue.ledger.posting_table import DROP_PARTITION_FUNCTIONS, PARTITION_FUNCTIONS


class Migration(migrations.Migration):
    """Functions by which the application creates and analyzes the partition of a month that it locks."""

    dependencies = [("billing", "0019_movements_of_locked_months")]

    operations = [migrations.RunSQL(PARTITION_FUNCTIONS, DROP_PARTITION_FUNCTIONS)]
