import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0002_closing_is_a_right_and_its_pages_have_indexes'),
    ]

    operations = [
        migrations.AlterField(
            model_name='billedusage',
            name='period',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='billed_usage', to='billing.period'),
        ),
    ]
