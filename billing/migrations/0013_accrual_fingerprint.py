from decimal import Decimal

from django.db import migrations, models

from lib.operation_batches import in_batches


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0012_accounting_files'),
    ]

    operations = in_batches([
        migrations.RemoveConstraint(
            model_name='accrual',
            name='accrued_events_are_finite',
        ),
        migrations.RenameField(
            model_name='accrual',
            old_name='events',
            new_name='fingerprint',
        ),
        migrations.AlterField(
            model_name='accrual',
            name='fingerprint',
            field=models.DecimalField(decimal_places=0, max_digits=60),
        ),
        migrations.AddConstraint(
            model_name='accrual',
            constraint=models.CheckConstraint(condition=models.Q(('fingerprint__gte', 0), ('fingerprint__lte', Decimal('1E+59'))), name='accrued_fingerprint_is_finite'),
        ),
    ])
