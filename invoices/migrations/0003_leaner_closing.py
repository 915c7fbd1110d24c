import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('customers', '0001_initial'),
        ('invoices', '0002_numbers_per_seller_in_order_of_time'),
        ('plans', '0002_publishing_is_a_right_of_its_own'),
    ]

    operations = [
        migrations.AlterField(
            model_name='invoice',
            name='customer',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='invoices', to='customers.customer'),
        ),
        migrations.AlterField(
            model_name='invoice',
            name='reference',
            field=models.CharField(max_length=80),
        ),
        migrations.AlterField(
            model_name='invoice',
            name='series',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='invoices.numberseries'),
        ),
        migrations.AlterField(
            model_name='line',
            name='fee',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.fee'),
        ),
        migrations.AlterField(
            model_name='line',
            name='plan_feature',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.planfeature'),
        ),
        migrations.AlterField(
            model_name='line',
            name='rate',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.rate'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.UniqueConstraint(fields=('reference',), name='nothing_is_billed_twice'),
        ),
    ]
