import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0005_no_null_passes_for_a_date_or_a_number'),
        ('invoices', '0004_rendering_due'),
    ]

    operations = [
        migrations.AlterField(
            model_name='billedusage',
            name='line',
            field=models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='usage', serialize=False, to='invoices.line'),
        ),
    ]
