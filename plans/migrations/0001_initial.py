import django.contrib.postgres.constraints
import django.contrib.postgres.fields
import django.contrib.postgres.fields.ranges
import django.core.validators
import django.db.models.deletion
import djmoney.models.fields
import pgtrigger.compiler
import pgtrigger.migrations
import plans.bounds
from decimal import Decimal
from django.conf import settings
from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '__first__'),
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
        BtreeGistExtension(),
        migrations.CreateModel(
            name='Plan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=64, unique=True, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_.-]*$', 'Use lower-case letters, digits, dots, dashes and underscores, starting with a letter or digit.')])),
                ('name', models.CharField(max_length=120)),
                ('description', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='PlanEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('code', models.CharField(max_length=64, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_.-]*$', 'Use lower-case letters, digits, dots, dashes and underscores, starting with a letter or digit.')])),
                ('name', models.CharField(max_length=120)),
                ('description', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.plan')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='PlanVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('state', models.CharField(choices=[('draft', 'draft'), ('review', 'in review'), ('scheduled', 'scheduled'), ('live', 'live'), ('retired', 'retired')], db_index=True, default='draft', max_length=10)),
                ('interval_unit', models.CharField(choices=[('day', 'day'), ('week', 'week'), ('month', 'month'), ('quarter', 'quarter'), ('year', 'year')], default='month', max_length=8)),
                ('interval_count', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(120)])),
                ('anchor', models.CharField(choices=[('calendar', 'the calendar (1st of the month, Monday, 1 January)'), ('anniversary', 'the day the subscription starts')], default='calendar', max_length=12)),
                ('proration', models.CharField(choices=[('second', 'by the second'), ('day', 'by the day'), ('none', 'not prorated')], default='second', max_length=8)),
                ('audience', models.CharField(choices=[('new', 'new subscriptions only'), ('cohort', 'a cohort'), ('all', 'everybody')], default='new', max_length=8)),
                ('effective_from', models.DateTimeField(blank=True, null=True)),
                ('effective_to', models.DateTimeField(blank=True, null=True)),
                ('note', models.TextField(blank=True, help_text='Why this version exists; shown in its history.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('published_at', models.DateTimeField(blank=True, null=True)),
                ('copied_from', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='copies', to='plans.planversion')),
                ('plan', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='plans.plan')),
                ('published_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='PlanVersionEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('number', models.PositiveIntegerField()),
                ('state', models.CharField(choices=[('draft', 'draft'), ('review', 'in review'), ('scheduled', 'scheduled'), ('live', 'live'), ('retired', 'retired')], default='draft', max_length=10)),
                ('interval_unit', models.CharField(choices=[('day', 'day'), ('week', 'week'), ('month', 'month'), ('quarter', 'quarter'), ('year', 'year')], default='month', max_length=8)),
                ('interval_count', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(120)])),
                ('anchor', models.CharField(choices=[('calendar', 'the calendar (1st of the month, Monday, 1 January)'), ('anniversary', 'the day the subscription starts')], default='calendar', max_length=12)),
                ('proration', models.CharField(choices=[('second', 'by the second'), ('day', 'by the day'), ('none', 'not prorated')], default='second', max_length=8)),
                ('audience', models.CharField(choices=[('new', 'new subscriptions only'), ('cohort', 'a cohort'), ('all', 'everybody')], default='new', max_length=8)),
                ('effective_from', models.DateTimeField(blank=True, null=True)),
                ('effective_to', models.DateTimeField(blank=True, null=True)),
                ('note', models.TextField(blank=True, help_text='Why this version exists; shown in its history.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('published_at', models.DateTimeField(blank=True, null=True)),
                ('copied_from', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.planversion')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.planversion')),
                ('plan', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.plan')),
                ('published_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Catalogue',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('revision', models.BigIntegerField(default=1)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='there_is_one_catalogue')],
            },
        ),
        migrations.CreateModel(
            name='Meter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=64, unique=True, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_.-]*$', 'Use lower-case letters, digits, dots, dashes and underscores, starting with a letter or digit.')])),
                ('name', models.CharField(max_length=120)),
                ('event_name', models.CharField(db_index=True, help_text='The `event` that this meter counts, such as llm.request.', max_length=200)),
                ('aggregation', models.CharField(choices=[('count', 'count of events'), ('sum', 'sum of a value'), ('max', 'greatest value'), ('min', 'least value'), ('average', 'average value'), ('latest', 'latest value'), ('unique', 'distinct values'), ('weighted_sum', 'level weighted by time')], default='count', max_length=16)),
                ('value_property', models.CharField(blank=True, help_text='Dotted path of the value to add up, such as usage.tokens.', max_length=200)),
                ('filters', models.JSONField(blank=True, default=dict, help_text='Only events whose properties match, such as {"status": ["success"], "model": ["a", "b"]}.')),
                ('dimensions', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), blank=True, default=list, help_text='Properties that usage is broken down by and may be priced by, such as model, api_key.', size=8)),
                ('reading_dimension', models.CharField(blank=True, help_text="The dimension that tells this meter's readings apart.", max_length=100)),
                ('unit', models.CharField(default='unit', help_text='What one of it is called: token, request.', max_length=40)),
                ('rounding', models.CharField(choices=[('none', 'not rounded'), ('up', 'up'), ('down', 'down'), ('half_up', 'half up')], default='none', max_length=8)),
                ('rounding_places', models.PositiveSmallIntegerField(default=0)),
                ('recurring', models.BooleanField(default=False, help_text="The level at a period's end opens the next one.")),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('aggregation__in', ['count', 'sum', 'max', 'min', 'average', 'latest', 'unique', 'weighted_sum'])), name='meter_aggregation_is_known'), models.CheckConstraint(condition=models.Q(('rounding__in', ['none', 'up', 'down', 'half_up'])), name='meter_rounding_is_known'), models.CheckConstraint(condition=models.Q(('rounding_places__lte', 12)), name='meter_rounds_to_12_places_at_most')],
            },
        ),
        migrations.CreateModel(
            name='Feature',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=64, unique=True, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_.-]*$', 'Use lower-case letters, digits, dots, dashes and underscores, starting with a letter or digit.')])),
                ('name', models.CharField(max_length=120)),
                ('kind', models.CharField(choices=[('metered', 'metered'), ('boolean', 'has it or not'), ('static', 'a fixed value')], default='metered', max_length=8)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('meter', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='features', to='plans.meter')),
            ],
        ),
        migrations.CreateModel(
            name='Fee',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('base', 'base fee'), ('one_time', 'one-time fee')], default='base', max_length=10)),
                ('label', models.CharField(default='Base fee', max_length=120)),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('amount', djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=4, max_digits=19)),
                ('billed', models.CharField(choices=[('advance', 'in advance'), ('arrears', 'in arrears')], default='advance', max_length=8)),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='fees', to='plans.planversion')),
            ],
        ),
        migrations.CreateModel(
            name='MeterEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('code', models.CharField(max_length=64, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_.-]*$', 'Use lower-case letters, digits, dots, dashes and underscores, starting with a letter or digit.')])),
                ('name', models.CharField(max_length=120)),
                ('event_name', models.CharField(help_text='The `event` that this meter counts, such as llm.request.', max_length=200)),
                ('aggregation', models.CharField(choices=[('count', 'count of events'), ('sum', 'sum of a value'), ('max', 'greatest value'), ('min', 'least value'), ('average', 'average value'), ('latest', 'latest value'), ('unique', 'distinct values'), ('weighted_sum', 'level weighted by time')], default='count', max_length=16)),
                ('value_property', models.CharField(blank=True, help_text='Dotted path of the value to add up, such as usage.tokens.', max_length=200)),
                ('filters', models.JSONField(blank=True, default=dict, help_text='Only events whose properties match, such as {"status": ["success"], "model": ["a", "b"]}.')),
                ('dimensions', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), blank=True, default=list, help_text='Properties that usage is broken down by and may be priced by, such as model, api_key.', size=8)),
                ('reading_dimension', models.CharField(blank=True, help_text="The dimension that tells this meter's readings apart.", max_length=100)),
                ('unit', models.CharField(default='unit', help_text='What one of it is called: token, request.', max_length=40)),
                ('rounding', models.CharField(choices=[('none', 'not rounded'), ('up', 'up'), ('down', 'down'), ('half_up', 'half up')], default='none', max_length=8)),
                ('rounding_places', models.PositiveSmallIntegerField(default=0)),
                ('recurring', models.BooleanField(default=False, help_text="The level at a period's end opens the next one.")),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.meter')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='MeterReading',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('dimension_value', models.CharField(max_length=100)),
                ('value_property', models.CharField(max_length=200)),
                ('meter', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='readings', to='plans.meter')),
            ],
        ),
        migrations.CreateModel(
            name='MeterReadingEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('dimension_value', models.CharField(max_length=100)),
                ('value_property', models.CharField(max_length=200)),
                ('meter', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.meter')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.meterreading')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='PlanFeature',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('consumption', models.CharField(choices=[('hard_cap', 'hard cap: refused beyond what is included'), ('overage', 'overage: billed beyond what is included'), ('credits', 'credits: each use burns credits from the wallet'), ('balance', 'balance: each use is paid from the wallet')], default='overage', max_length=8)),
                ('included', plans.bounds.QuantityField(default=0)),
                ('static_value', models.CharField(blank=True, max_length=120)),
                ('feature', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='offered_in', to='plans.feature')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='features', to='plans.planversion')),
            ],
        ),
        migrations.CreateModel(
            name='PlanFeatureEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('consumption', models.CharField(choices=[('hard_cap', 'hard cap: refused beyond what is included'), ('overage', 'overage: billed beyond what is included'), ('credits', 'credits: each use burns credits from the wallet'), ('balance', 'balance: each use is paid from the wallet')], default='overage', max_length=8)),
                ('included', plans.bounds.QuantityField(default=0)),
                ('static_value', models.CharField(blank=True, max_length=120)),
                ('feature', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.feature')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.planfeature')),
                ('version', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.planversion')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Price',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('plan_feature', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='prices', to='plans.planfeature')),
            ],
        ),
        migrations.CreateModel(
            name='PriceEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.price')),
                ('plan_feature', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.planfeature')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Rate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('label', models.CharField(blank=True, help_text='How the invoice line reads.', max_length=120)),
                ('match', models.JSONField(blank=True, default=dict)),
                ('model', models.CharField(choices=[('flat', 'flat fee'), ('per_unit', 'per unit'), ('package', 'per package'), ('graduated', "graduated: each unit at its own tier's price"), ('volume', "volume: all units at the reached tier's price")], default='per_unit', max_length=20)),
                ('unit_price', models.DecimalField(blank=True, decimal_places=12, help_text='Per unit, per package of the size beside it, or the fee of a flat rate.', max_digits=26, null=True)),
                ('package_size', models.DecimalField(blank=True, decimal_places=12, max_digits=26, null=True)),
                ('price', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rates', to='plans.price')),
            ],
        ),
        migrations.CreateModel(
            name='RateEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('label', models.CharField(blank=True, help_text='How the invoice line reads.', max_length=120)),
                ('match', models.JSONField(blank=True, default=dict)),
                ('model', models.CharField(choices=[('flat', 'flat fee'), ('per_unit', 'per unit'), ('package', 'per package'), ('graduated', "graduated: each unit at its own tier's price"), ('volume', "volume: all units at the reached tier's price")], default='per_unit', max_length=20)),
                ('unit_price', models.DecimalField(blank=True, decimal_places=12, help_text='Per unit, per package of the size beside it, or the fee of a flat rate.', max_digits=26, null=True)),
                ('package_size', models.DecimalField(blank=True, decimal_places=12, max_digits=26, null=True)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.rate')),
                ('price', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.price')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Tier',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('up_to', plans.bounds.QuantityField(blank=True, help_text='Empty for the last tier.', null=True)),
                ('unit_price', models.DecimalField(decimal_places=12, default=0, max_digits=26)),
                ('flat_fee', models.DecimalField(decimal_places=12, default=0, max_digits=26)),
                ('rate', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tiers', to='plans.rate')),
            ],
        ),
        migrations.CreateModel(
            name='TierEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('up_to', plans.bounds.QuantityField(blank=True, help_text='Empty for the last tier.', null=True)),
                ('unit_price', models.DecimalField(decimal_places=12, default=0, max_digits=26)),
                ('flat_fee', models.DecimalField(decimal_places=12, default=0, max_digits=26)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.tier')),
                ('rate', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.rate')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='FeeEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('kind', models.CharField(choices=[('base', 'base fee'), ('one_time', 'one-time fee')], default='base', max_length=10)),
                ('label', models.CharField(default='Base fee', max_length=120)),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('amount', djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=4, max_digits=19)),
                ('billed', models.CharField(choices=[('advance', 'in advance'), ('arrears', 'in arrears')], default='advance', max_length=8)),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.fee')),
                ('version', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.planversion')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='FeatureEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('code', models.CharField(max_length=64, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_.-]*$', 'Use lower-case letters, digits, dots, dashes and underscores, starting with a letter or digit.')])),
                ('name', models.CharField(max_length=120)),
                ('kind', models.CharField(choices=[('metered', 'metered'), ('boolean', 'has it or not'), ('static', 'a fixed value')], default='metered', max_length=8)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.feature')),
                ('meter', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.meter')),
            ],
            options={
                'abstract': False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meter',
            trigger=pgtrigger.compiler.Trigger(name='meter_in_use_keeps_its_meaning', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE used bigint;', func="\n            IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY['id', 'name', 'unit']) = (to_jsonb(OLD) - ARRAY['id', 'name', 'unit']) THEN\n                RETURN NEW;\n            END IF;\n            IF TG_OP = 'INSERT' THEN used := (NEW.id);\n            ELSE used := (OLD.id);\n            END IF;\n            IF EXISTS (\n                SELECT 1 FROM plans_planfeature pf\n                JOIN plans_feature f ON f.id = pf.feature_id\n                JOIN plans_planversion v ON v.id = pf.version_id\n                WHERE f.meter_id = used AND v.state NOT IN ('draft', 'review')\n            ) THEN\n                RAISE EXCEPTION 'meter_in_use_keeps_its_meaning: a published version prices it; create a new meter'\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='0ffaf516eb80455e71f13227a9802e944b764256', operation='UPDATE OR DELETE OR INSERT', pgid='pgtrigger_meter_in_use_keeps_its_meaning_ecfa4', table='plans_meter', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meter',
            trigger=pgtrigger.compiler.Trigger(name='catalogue_moves_on', sql=pgtrigger.compiler.UpsertTriggerSql(func='UPDATE plans_catalogue SET revision = revision + 1; RETURN NULL;', hash='b9b993ab5ac5c5d063e1cf1a261f8572a4ba372e', level='STATEMENT', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_catalogue_moves_on_0365c', table='plans_meter', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meter',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_meterevent" ("aggregation", "code", "created_at", "dimensions", "event_name", "filters", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reading_dimension", "recurring", "rounding", "rounding_places", "unit", "value_property") VALUES (NEW."aggregation", NEW."code", NEW."created_at", NEW."dimensions", NEW."event_name", NEW."filters", NEW."id", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."reading_dimension", NEW."recurring", NEW."rounding", NEW."rounding_places", NEW."unit", NEW."value_property"); RETURN NULL;', hash='8ea1d2d87351ac6d029213f4dc4bb8aa3b73c608', operation='INSERT', pgid='pgtrigger_insert_insert_44f38', table='plans_meter', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meter',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_meterevent" ("aggregation", "code", "created_at", "dimensions", "event_name", "filters", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reading_dimension", "recurring", "rounding", "rounding_places", "unit", "value_property") VALUES (NEW."aggregation", NEW."code", NEW."created_at", NEW."dimensions", NEW."event_name", NEW."filters", NEW."id", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."reading_dimension", NEW."recurring", NEW."rounding", NEW."rounding_places", NEW."unit", NEW."value_property"); RETURN NULL;', hash='36933bd540fd37e8e938d1f588b4ced7737b0272', operation='UPDATE', pgid='pgtrigger_update_update_69c72', table='plans_meter', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meter',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_meterevent" ("aggregation", "code", "created_at", "dimensions", "event_name", "filters", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reading_dimension", "recurring", "rounding", "rounding_places", "unit", "value_property") VALUES (OLD."aggregation", OLD."code", OLD."created_at", OLD."dimensions", OLD."event_name", OLD."filters", OLD."id", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."reading_dimension", OLD."recurring", OLD."rounding", OLD."rounding_places", OLD."unit", OLD."value_property"); RETURN NULL;', hash='0778802319051c2a6e9741c334a161d94d5d501a', operation='DELETE', pgid='pgtrigger_delete_delete_39b54', table='plans_meter', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='plan',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_planevent" ("code", "created_at", "description", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."code", NEW."created_at", NEW."description", NEW."id", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."id"); RETURN NULL;', hash='660890f792719ee74d8e03b5724977127c0bc527', operation='INSERT', pgid='pgtrigger_insert_insert_8b340', table='plans_plan', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='plan',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_planevent" ("code", "created_at", "description", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."code", NEW."created_at", NEW."description", NEW."id", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id"); RETURN NULL;', hash='708bed4443aca424957a2858f4a47268cdffbdb4', operation='UPDATE', pgid='pgtrigger_update_update_ee9c7', table='plans_plan', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='plan',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_planevent" ("code", "created_at", "description", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (OLD."code", OLD."created_at", OLD."description", OLD."id", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id"); RETURN NULL;', hash='ba8491b501c03065e6fbf0f2f2814c26532aeabf', operation='DELETE', pgid='pgtrigger_delete_delete_3e165', table='plans_plan', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='featureevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='cd35c75185a0a2649f56dee3ebacb80976d9ceb9', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_5c2ff', table='plans_featureevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='feature',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['metered', 'boolean', 'static'])), name='feature_kind_is_known'),
        ),
        migrations.AddConstraint(
            model_name='feature',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'metered'), ('meter__isnull', False)), models.Q(models.Q(('kind', 'metered'), _negated=True), ('meter__isnull', True)), _connector='OR'), name='feature_has_a_meter_if_and_only_if_metered'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='feature',
            trigger=pgtrigger.compiler.Trigger(name='catalogue_moves_on', sql=pgtrigger.compiler.UpsertTriggerSql(func='UPDATE plans_catalogue SET revision = revision + 1; RETURN NULL;', hash='49a01a353026db41787c0917e66426e635231f59', level='STATEMENT', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_catalogue_moves_on_0a71b', table='plans_feature', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='feature',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_featureevent" ("code", "created_at", "id", "kind", "meter_id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."code", NEW."created_at", NEW."id", NEW."kind", NEW."meter_id", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."id"); RETURN NULL;', hash='261ac7d810e736f6afabb3538231853405602178', operation='INSERT', pgid='pgtrigger_insert_insert_11d91', table='plans_feature', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='feature',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_featureevent" ("code", "created_at", "id", "kind", "meter_id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."code", NEW."created_at", NEW."id", NEW."kind", NEW."meter_id", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id"); RETURN NULL;', hash='4adc9a7da56157a03bf8c025f8bb0f281c477dd3', operation='UPDATE', pgid='pgtrigger_update_update_f1497', table='plans_feature', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='feature',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_featureevent" ("code", "created_at", "id", "kind", "meter_id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (OLD."code", OLD."created_at", OLD."id", OLD."kind", OLD."meter_id", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id"); RETURN NULL;', hash='326e8f00c128ed8911a533e1ea56a177470d54d9', operation='DELETE', pgid='pgtrigger_delete_delete_a7e04', table='plans_feature', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meterevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='bc8dedf52004cbd658beeda624e288da70029ff2', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_d0918', table='plans_meterevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='meterreading',
            constraint=models.UniqueConstraint(fields=('meter', 'dimension_value'), name='meter_reads_a_dimension_value_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meterreading',
            trigger=pgtrigger.compiler.Trigger(name='meter_in_use_keeps_its_meaning', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE used bigint;', func="\n            IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY['id']) = (to_jsonb(OLD) - ARRAY['id']) THEN\n                RETURN NEW;\n            END IF;\n            IF TG_OP = 'INSERT' THEN used := (NEW.meter_id);\n            ELSE used := (OLD.meter_id);\n            END IF;\n            IF EXISTS (\n                SELECT 1 FROM plans_planfeature pf\n                JOIN plans_feature f ON f.id = pf.feature_id\n                JOIN plans_planversion v ON v.id = pf.version_id\n                WHERE f.meter_id = used AND v.state NOT IN ('draft', 'review')\n            ) THEN\n                RAISE EXCEPTION 'meter_in_use_keeps_its_meaning: a published version prices it; create a new meter'\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='b70a5c425ae1304964e8dfb08d62dcec79cbadf6', operation='UPDATE OR DELETE OR INSERT', pgid='pgtrigger_meter_in_use_keeps_its_meaning_7b419', table='plans_meterreading', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meterreading',
            trigger=pgtrigger.compiler.Trigger(name='catalogue_moves_on', sql=pgtrigger.compiler.UpsertTriggerSql(func='UPDATE plans_catalogue SET revision = revision + 1; RETURN NULL;', hash='ea3ff00a909a32f6ae260e2bc043d92d87a33cc9', level='STATEMENT', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_catalogue_moves_on_04b9d', table='plans_meterreading', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meterreading',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_meterreadingevent" ("dimension_value", "id", "meter_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "value_property") VALUES (NEW."dimension_value", NEW."id", NEW."meter_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."value_property"); RETURN NULL;', hash='02c8b60715784f3579c0db9bb28064be919dfae6', operation='INSERT', pgid='pgtrigger_insert_insert_bdfae', table='plans_meterreading', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meterreading',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_meterreadingevent" ("dimension_value", "id", "meter_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "value_property") VALUES (NEW."dimension_value", NEW."id", NEW."meter_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."value_property"); RETURN NULL;', hash='e90565f2f5a23f8c9ce7215bda31cb05201bf5ce', operation='UPDATE', pgid='pgtrigger_update_update_ccd36', table='plans_meterreading', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meterreading',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_meterreadingevent" ("dimension_value", "id", "meter_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "value_property") VALUES (OLD."dimension_value", OLD."id", OLD."meter_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."value_property"); RETURN NULL;', hash='70643e9139b284a60d9012543edd3cbacaf4db11', operation='DELETE', pgid='pgtrigger_delete_delete_00f86', table='plans_meterreading', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meterreadingevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='81ea3f967f3209088c1c42c5970f86ad2718d0c5', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_b2853', table='plans_meterreadingevent', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='b3f68a381db6a5160c734b02b91c789f663d554e', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_038a7', table='plans_planevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='planversion',
            constraint=models.UniqueConstraint(fields=('plan', 'number'), name='version_number_is_used_once_per_plan'),
        ),
        migrations.AddConstraint(
            model_name='planversion',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'review', 'scheduled', 'live', 'retired'])), name='version_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='planversion',
            constraint=models.CheckConstraint(condition=models.Q(('interval_unit__in', ['day', 'week', 'month', 'quarter', 'year'])), name='version_interval_is_known'),
        ),
        migrations.AddConstraint(
            model_name='planversion',
            constraint=models.CheckConstraint(condition=models.Q(('interval_count__gte', 1), ('interval_count__lte', 120)), name='version_interval_count_is_1_to_120'),
        ),
        migrations.AddConstraint(
            model_name='planversion',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'review']), models.Q(('effective_from__isnull', False), ('published_at__isnull', False)), _connector='OR'), name='published_version_says_since_when'),
        ),
        migrations.AddConstraint(
            model_name='planversion',
            constraint=models.CheckConstraint(condition=models.Q(('effective_to__isnull', True), ('effective_to__gte', models.F('effective_from')), _connector='OR'), name='version_ends_after_it_starts'),
        ),
        migrations.AddConstraint(
            model_name='planversion',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('state__in', ['draft', 'review']), _negated=True), expressions=[('plan', '='), (models.Func('effective_from', 'effective_to', function='TSTZRANGE', output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField()), '&&')], name='one_version_of_a_plan_is_in_force_at_a_time'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planversion',
            trigger=pgtrigger.compiler.Trigger(name='published_version_changes_only_its_state', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF TG_OP = 'DELETE' THEN\n                IF OLD.state IN ('draft', 'review') THEN RETURN OLD; END IF;\n                RAISE EXCEPTION 'published_version_changes_only_its_state: a published version is never deleted'\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF OLD.state IN ('draft', 'review') THEN RETURN NEW; END IF;\n            IF (to_jsonb(NEW) - ARRAY['state', 'effective_from', 'effective_to', 'published_at', 'published_by_id'])\n                IS DISTINCT FROM\n               (to_jsonb(OLD) - ARRAY['state', 'effective_from', 'effective_to', 'published_at', 'published_by_id'])\n               OR (OLD.state, NEW.state) NOT IN (\n                    ('scheduled', 'scheduled'), ('scheduled', 'draft'), ('scheduled', 'live'),\n                    ('live', 'live'), ('live', 'retired'), ('retired', 'retired'))\n               OR (OLD.state IN ('live', 'retired') AND NEW.effective_from IS DISTINCT FROM OLD.effective_from)\n               OR (OLD.state = 'retired' AND NEW.effective_to IS DISTINCT FROM OLD.effective_to) THEN\n                RAISE EXCEPTION 'published_version_changes_only_its_state: start a new version from it instead'\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NEW;\n        ", hash='2a42e6368f42d8f7b85249a49ff1ea1c820b1dd2', operation='UPDATE OR DELETE', pgid='pgtrigger_published_version_changes_only_its_state_38f77', table='plans_planversion', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planversion',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_planversionevent" ("anchor", "audience", "copied_from_id", "created_at", "effective_from", "effective_to", "id", "interval_count", "interval_unit", "note", "number", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "proration", "published_at", "published_by_id", "state") VALUES (NEW."anchor", NEW."audience", NEW."copied_from_id", NEW."created_at", NEW."effective_from", NEW."effective_to", NEW."id", NEW."interval_count", NEW."interval_unit", NEW."note", NEW."number", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."plan_id", NEW."proration", NEW."published_at", NEW."published_by_id", NEW."state"); RETURN NULL;', hash='2d2e70449e421d2d05a7a360bf0dca3096f9ba1a', operation='INSERT', pgid='pgtrigger_insert_insert_5b865', table='plans_planversion', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planversion',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_planversionevent" ("anchor", "audience", "copied_from_id", "created_at", "effective_from", "effective_to", "id", "interval_count", "interval_unit", "note", "number", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "proration", "published_at", "published_by_id", "state") VALUES (NEW."anchor", NEW."audience", NEW."copied_from_id", NEW."created_at", NEW."effective_from", NEW."effective_to", NEW."id", NEW."interval_count", NEW."interval_unit", NEW."note", NEW."number", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."plan_id", NEW."proration", NEW."published_at", NEW."published_by_id", NEW."state"); RETURN NULL;', hash='6e438f51395739155469f65940898c2f06212026', operation='UPDATE', pgid='pgtrigger_update_update_af5e4', table='plans_planversion', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planversion',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_planversionevent" ("anchor", "audience", "copied_from_id", "created_at", "effective_from", "effective_to", "id", "interval_count", "interval_unit", "note", "number", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "proration", "published_at", "published_by_id", "state") VALUES (OLD."anchor", OLD."audience", OLD."copied_from_id", OLD."created_at", OLD."effective_from", OLD."effective_to", OLD."id", OLD."interval_count", OLD."interval_unit", OLD."note", OLD."number", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."plan_id", OLD."proration", OLD."published_at", OLD."published_by_id", OLD."state"); RETURN NULL;', hash='3fc899c0db082eee73933396dd35c721495bed4a', operation='DELETE', pgid='pgtrigger_delete_delete_19ce8', table='plans_planversion', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planfeatureevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='d723f80c79c76af7282cd294d42fb8234baa0d93', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_ad1f0', table='plans_planfeatureevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='planfeature',
            constraint=models.UniqueConstraint(fields=('version', 'feature'), name='feature_has_one_consumption_model'),
        ),
        migrations.AddConstraint(
            model_name='planfeature',
            constraint=models.CheckConstraint(condition=models.Q(('consumption__in', ['hard_cap', 'overage', 'credits', 'balance'])), name='consumption_model_is_known'),
        ),
        migrations.AddConstraint(
            model_name='planfeature',
            constraint=models.CheckConstraint(condition=models.Q(('included__gte', 0), ('included__lte', Decimal('1E+50'))), name='included_units_are_finite'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planfeature',
            trigger=pgtrigger.compiler.Trigger(name='published_version_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE frozen text;', func="\n            IF TG_OP <> 'INSERT' THEN\n                SELECT p.code || ' v' || v.number INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (OLD.version_id) AND v.state <> 'draft';\n            END IF;\n            IF frozen IS NULL AND TG_OP <> 'DELETE' THEN\n                SELECT p.code || ' v' || v.number INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (NEW.version_id) AND v.state <> 'draft';\n            END IF;\n            IF frozen IS NOT NULL THEN\n                RAISE EXCEPTION 'published_version_is_frozen: % is published; start a new version from it', frozen\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='6bdd895e0a4ca934de0b8792e7f5f0d63433626f', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_published_version_is_frozen_97e8f', table='plans_planfeature', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planfeature',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_planfeatureevent" ("consumption", "feature_id", "id", "included", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "static_value", "version_id") VALUES (NEW."consumption", NEW."feature_id", NEW."id", NEW."included", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."position", NEW."static_value", NEW."version_id"); RETURN NULL;', hash='372414cbb16338cf84cdf2650941bae06caa973a', operation='INSERT', pgid='pgtrigger_insert_insert_81dd6', table='plans_planfeature', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planfeature',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_planfeatureevent" ("consumption", "feature_id", "id", "included", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "static_value", "version_id") VALUES (NEW."consumption", NEW."feature_id", NEW."id", NEW."included", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."position", NEW."static_value", NEW."version_id"); RETURN NULL;', hash='b320007718e626c26a20c8489704b99a310e7bfe', operation='UPDATE', pgid='pgtrigger_update_update_f3c25', table='plans_planfeature', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planfeature',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_planfeatureevent" ("consumption", "feature_id", "id", "included", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "static_value", "version_id") VALUES (OLD."consumption", OLD."feature_id", OLD."id", OLD."included", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."position", OLD."static_value", OLD."version_id"); RETURN NULL;', hash='5b6e9d08274b83c6ee2dc7683be2892c655e4b7a', operation='DELETE', pgid='pgtrigger_delete_delete_8e5d6', table='plans_planfeature', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='feeevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='29b202b2ac233059bdef5d41270ec9038b51dac2', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_8d7e6', table='plans_feeevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='fee',
            constraint=models.UniqueConstraint(fields=('version', 'label', 'currency'), name='fee_is_listed_once_per_currency'),
        ),
        migrations.AddConstraint(
            model_name='fee',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['base', 'one_time'])), name='fee_kind_is_known'),
        ),
        migrations.AddConstraint(
            model_name='fee',
            constraint=models.CheckConstraint(condition=models.Q(('billed__in', ['advance', 'arrears'])), name='fee_is_billed_in_advance_or_arrears'),
        ),
        migrations.AddConstraint(
            model_name='fee',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0), ('amount__lte', Decimal('1E+12'))), name='fee_is_finite'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fee',
            trigger=pgtrigger.compiler.Trigger(name='published_version_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE frozen text;', func="\n            IF TG_OP <> 'INSERT' THEN\n                SELECT p.code || ' v' || v.number INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (OLD.version_id) AND v.state <> 'draft';\n            END IF;\n            IF frozen IS NULL AND TG_OP <> 'DELETE' THEN\n                SELECT p.code || ' v' || v.number INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (NEW.version_id) AND v.state <> 'draft';\n            END IF;\n            IF frozen IS NOT NULL THEN\n                RAISE EXCEPTION 'published_version_is_frozen: % is published; start a new version from it', frozen\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='6e71a68f617a46e5b30db4c73f08d954939fc750', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_published_version_is_frozen_4567c', table='plans_fee', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fee',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_feeevent" ("amount", "billed", "currency", "id", "kind", "label", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "version_id") VALUES (NEW."amount", NEW."billed", NEW."currency", NEW."id", NEW."kind", NEW."label", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."position", NEW."version_id"); RETURN NULL;', hash='1b268f7390c76f6da6ddb077669f92ae9436235f', operation='INSERT', pgid='pgtrigger_insert_insert_ed30c', table='plans_fee', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fee',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_feeevent" ("amount", "billed", "currency", "id", "kind", "label", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "version_id") VALUES (NEW."amount", NEW."billed", NEW."currency", NEW."id", NEW."kind", NEW."label", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."position", NEW."version_id"); RETURN NULL;', hash='1029a9ad67f15f189d16597e61c28cfad6f3162d', operation='UPDATE', pgid='pgtrigger_update_update_f6fd7', table='plans_fee', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fee',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_feeevent" ("amount", "billed", "currency", "id", "kind", "label", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "version_id") VALUES (OLD."amount", OLD."billed", OLD."currency", OLD."id", OLD."kind", OLD."label", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."position", OLD."version_id"); RETURN NULL;', hash='cb8dbd63a943a2a2767f5adda98d02f9bbca2c9f', operation='DELETE', pgid='pgtrigger_delete_delete_411a7', table='plans_fee', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planversionevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='90ce489c852ce3d19f4ee55fdb92c8ff403808d6', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_478db', table='plans_planversionevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.UniqueConstraint(fields=('plan_feature', 'currency'), name='feature_has_one_price_per_currency'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='price',
            trigger=pgtrigger.compiler.Trigger(name='published_version_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE frozen text;', func="\n            IF TG_OP <> 'INSERT' THEN\n                SELECT p.code || ' v' || v.number INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (SELECT version_id FROM plans_planfeature WHERE id = OLD.plan_feature_id) AND v.state <> 'draft';\n            END IF;\n            IF frozen IS NULL AND TG_OP <> 'DELETE' THEN\n                SELECT p.code || ' v' || v.number INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (SELECT version_id FROM plans_planfeature WHERE id = NEW.plan_feature_id) AND v.state <> 'draft';\n            END IF;\n            IF frozen IS NOT NULL THEN\n                RAISE EXCEPTION 'published_version_is_frozen: % is published; start a new version from it', frozen\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='5a1a8f9f9243fb9f6725065518b6b317df5c8142', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_published_version_is_frozen_51ec6', table='plans_price', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='price',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_priceevent" ("currency", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_feature_id") VALUES (NEW."currency", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."plan_feature_id"); RETURN NULL;', hash='bf9de17c5477a986e94d96653648bd66a6460787', operation='INSERT', pgid='pgtrigger_insert_insert_12e6c', table='plans_price', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='price',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_priceevent" ("currency", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_feature_id") VALUES (NEW."currency", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."plan_feature_id"); RETURN NULL;', hash='1152a22f72e1c9fba8c99eccf2ec2a1ae87459f4', operation='UPDATE', pgid='pgtrigger_update_update_b94e7', table='plans_price', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='price',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_priceevent" ("currency", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_feature_id") VALUES (OLD."currency", OLD."id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."plan_feature_id"); RETURN NULL;', hash='7288d878e7038531f16d941b94f37f4c5bcbe06a', operation='DELETE', pgid='pgtrigger_delete_delete_6d335', table='plans_price', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='priceevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='c7bdeddd2415305ade3e15d03a0e8f8d96b23adf', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_2c4ef', table='plans_priceevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.UniqueConstraint(fields=('price', 'match'), name='dimensions_match_one_rate'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(('model__in', ['flat', 'per_unit', 'package', 'graduated', 'volume'])), name='charge_model_is_known'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(('unit_price__gte', 0), ('unit_price__lte', Decimal('1E+12'))), name='unit_price_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(('package_size__isnull', True), models.Q(('package_size__gt', 0), ('package_size__lte', Decimal('1E+50'))), _connector='OR'), name='package_size_is_positive'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('model__in', ['graduated', 'volume']), ('unit_price__isnull', True)), models.Q(models.Q(('model__in', ['graduated', 'volume']), _negated=True), ('unit_price__isnull', False)), _connector='OR'), name='rate_has_a_unit_price_or_tiers'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('model', 'package'), ('package_size__isnull', False)), models.Q(models.Q(('model', 'package'), _negated=True), ('package_size__isnull', True)), _connector='OR'), name='only_a_package_has_a_size'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rate',
            trigger=pgtrigger.compiler.Trigger(name='published_version_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE frozen text;', func="\n            IF TG_OP <> 'INSERT' THEN\n                SELECT p.code || ' v' || v.number INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (SELECT pf.version_id FROM plans_price p JOIN plans_planfeature pf ON pf.id = p.plan_feature_id WHERE p.id = OLD.price_id) AND v.state <> 'draft';\n            END IF;\n            IF frozen IS NULL AND TG_OP <> 'DELETE' THEN\n                SELECT p.code || ' v' || v.number INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (SELECT pf.version_id FROM plans_price p JOIN plans_planfeature pf ON pf.id = p.plan_feature_id WHERE p.id = NEW.price_id) AND v.state <> 'draft';\n            END IF;\n            IF frozen IS NOT NULL THEN\n                RAISE EXCEPTION 'published_version_is_frozen: % is published; start a new version from it', frozen\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='d9578f3f024a843993b01d9d24228c73cf69180d', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_published_version_is_frozen_c5165', table='plans_rate', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rate',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_rateevent" ("id", "label", "match", "model", "package_size", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "price_id", "unit_price") VALUES (NEW."id", NEW."label", NEW."match", NEW."model", NEW."package_size", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."position", NEW."price_id", NEW."unit_price"); RETURN NULL;', hash='cf5bfac6e643de8f3a17c271a1468b662479cb3e', operation='INSERT', pgid='pgtrigger_insert_insert_f62d4', table='plans_rate', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rate',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_rateevent" ("id", "label", "match", "model", "package_size", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "price_id", "unit_price") VALUES (NEW."id", NEW."label", NEW."match", NEW."model", NEW."package_size", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."position", NEW."price_id", NEW."unit_price"); RETURN NULL;', hash='e7a3e14f753c709bcdd5420bfb776c5e79fcb1f7', operation='UPDATE', pgid='pgtrigger_update_update_48fd0', table='plans_rate', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rate',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_rateevent" ("id", "label", "match", "model", "package_size", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "price_id", "unit_price") VALUES (OLD."id", OLD."label", OLD."match", OLD."model", OLD."package_size", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."position", OLD."price_id", OLD."unit_price"); RETURN NULL;', hash='3a2e92fccaebdb7b3fb043c36916e353ff51541f', operation='DELETE', pgid='pgtrigger_delete_delete_3f5e6', table='plans_rate', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rateevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='876ab97874c94f3007dc6c809d814b91cf11fe8b', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_01a79', table='plans_rateevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='tier',
            constraint=models.UniqueConstraint(fields=('rate', 'up_to'), name='tier_bound_is_used_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='tier',
            constraint=models.CheckConstraint(condition=models.Q(('unit_price__gte', 0), ('unit_price__lte', Decimal('1E+12'))), name='tier_unit_price_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='tier',
            constraint=models.CheckConstraint(condition=models.Q(('flat_fee__gte', 0), ('flat_fee__lte', Decimal('1E+12'))), name='tier_flat_fee_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='tier',
            constraint=models.CheckConstraint(condition=models.Q(('up_to__isnull', True), models.Q(('up_to__gt', 0), ('up_to__lte', Decimal('1E+50'))), _connector='OR'), name='tier_bound_is_positive'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tier',
            trigger=pgtrigger.compiler.Trigger(name='published_version_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE frozen text;', func="\n            IF TG_OP <> 'INSERT' THEN\n                SELECT p.code || ' v' || v.number INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (SELECT pf.version_id FROM plans_rate r JOIN plans_price p ON p.id = r.price_id JOIN plans_planfeature pf ON pf.id = p.plan_feature_id WHERE r.id = OLD.rate_id) AND v.state <> 'draft';\n            END IF;\n            IF frozen IS NULL AND TG_OP <> 'DELETE' THEN\n                SELECT p.code || ' v' || v.number INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (SELECT pf.version_id FROM plans_rate r JOIN plans_price p ON p.id = r.price_id JOIN plans_planfeature pf ON pf.id = p.plan_feature_id WHERE r.id = NEW.rate_id) AND v.state <> 'draft';\n            END IF;\n            IF frozen IS NOT NULL THEN\n                RAISE EXCEPTION 'published_version_is_frozen: % is published; start a new version from it', frozen\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='10ab0f1e9a63d8ee6bfa455e6a5cbd19ec1a218c', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_published_version_is_frozen_27a6d', table='plans_tier', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tier',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_tierevent" ("flat_fee", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rate_id", "unit_price", "up_to") VALUES (NEW."flat_fee", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."rate_id", NEW."unit_price", NEW."up_to"); RETURN NULL;', hash='550fc154feb8365aeebdb69f6dd96105183f0d3e', operation='INSERT', pgid='pgtrigger_insert_insert_fa253', table='plans_tier', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tier',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_tierevent" ("flat_fee", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rate_id", "unit_price", "up_to") VALUES (NEW."flat_fee", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."rate_id", NEW."unit_price", NEW."up_to"); RETURN NULL;', hash='5c9f7a178eeaf2f439e4ed0597a44ef8eeafb411', operation='UPDATE', pgid='pgtrigger_update_update_2655a', table='plans_tier', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tier',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_tierevent" ("flat_fee", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rate_id", "unit_price", "up_to") VALUES (OLD."flat_fee", OLD."id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."rate_id", OLD."unit_price", OLD."up_to"); RETURN NULL;', hash='0e0bef722a82c01b6fc316284816feb7e5fbb8cf', operation='DELETE', pgid='pgtrigger_delete_delete_cee9c', table='plans_tier', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tierevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='01a15fc0e8f8b9972d776a2e7896d24a7b2112b1', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_a1084', table='plans_tierevent', when='BEFORE')),
        ),
        migrations.RunSQL("INSERT INTO plans_catalogue (id, revision) VALUES (1, 1)", migrations.RunSQL.noop),
    ]
