from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0004_closing_page_finds_its_days'),
        ('invoices', '0003_leaner_closing'),
        ('plans', '0002_publishing_is_a_right_of_its_own'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='period',
            name='period_is_closed_after_its_end',
        ),
        migrations.AddConstraint(
            model_name='billedusage',
            constraint=models.CheckConstraint(condition=models.Q(('fingerprint__gte', 0), ('fingerprint__lte', 100000000000000000000000000000000000000000000000000000000000)), name='billed_fingerprint_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', True), ('invoice__isnull', True), ('state', 'open')), models.Q(('closed_at__gte', models.F('ends_at')), ('closed_at__isnull', False), ('state', 'closed')), _connector='OR'), name='period_is_closed_after_its_end'),
        ),
    ]
