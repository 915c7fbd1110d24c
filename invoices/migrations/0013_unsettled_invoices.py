from django.db import migrations, models

from lib.operation_batches import in_batches


class Migration(migrations.Migration):

    dependencies = [
        ('invoices', '0012_notes'),
    ]

    operations = in_batches([
        migrations.AddIndex(
            model_name='invoice',
            index=models.Index(condition=models.Q(('kind', 'invoice'), ('state__in', ['draft', 'issued', 'overdue'])), fields=['sandbox', 'state', 'currency'], include=('seller', 'total', 'credited', 'paid', 'returned'), name='unsettled_invoice_by_state'),
        ),
    ])
