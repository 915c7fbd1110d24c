from django.db import migrations, models

from lib.operation_batches import in_batches


class Migration(migrations.Migration):

    dependencies = [
        ('invoices', '0006_history_of_write_offs'),
    ]

    operations = in_batches([
        migrations.AddIndex(
            model_name='balanceentry',
            index=models.Index(condition=models.Q(('kind', 'overpayment')), fields=['at'], name='overpayment_by_time'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(fields=['paid_at'], name='payment_by_time'),
        ),
        migrations.AddIndex(
            model_name='providerevent',
            index=models.Index(condition=models.Q(('kind', 'payment_intent.succeeded'), ('outcome', 'It matches no payment that Tollbook requested')), fields=['merchant', 'received_at'], name='unmatched_payment'),
        ),
        migrations.AddIndex(
            model_name='refund',
            index=models.Index(condition=models.Q(('state', 'succeeded')), fields=['settled_at'], name='refund_by_time'),
        ),
    ])
