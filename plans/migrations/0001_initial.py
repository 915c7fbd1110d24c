import django.contrib.postgres.constraints
import django.contrib.postgres.fields
import django.contrib.postgres.fields.ranges
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
import djmoney.models.fields
import pgtrigger.compiler
import pgtrigger.migrations
import lib.field_types
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models

from django.contrib.postgres.operations import BtreeGistExtension


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '__first__'),
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
        BtreeGistExtension(),
        migrations.CreateModel(
            name='BonusSlab',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('least', models.DecimalField(decimal_places=12, default=0, max_digits=32)),
                ('units', models.DecimalField(decimal_places=12, default=0, max_digits=32)),
                ('percent', models.DecimalField(decimal_places=10, default=0, max_digits=14)),
            ],
        ),
        migrations.CreateModel(
            name='Commitment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('minimum', models.DecimalField(decimal_places=4, max_digits=19)),
                ('periods', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(120)])),
                ('overage_factor', models.DecimalField(decimal_places=4, default=1, max_digits=7)),
                ('discount', models.DecimalField(decimal_places=10, default=0, max_digits=14)),
                ('trues_up', models.BooleanField(default=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='CouponEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('code', models.CharField(max_length=64)),
                ('name', models.CharField(help_text='How it reads on the invoice.', max_length=120)),
                ('percent', models.DecimalField(blank=True, decimal_places=10, max_digits=14, null=True)),
                ('amount', models.DecimalField(blank=True, decimal_places=4, max_digits=19, null=True)),
                ('currency', models.CharField(blank=True, max_length=3)),
                ('duration', models.CharField(choices=[('once', 'once: on one document'), ('periods', 'for a number of periods'), ('forever', 'for as long as the subscription runs')], default='once', max_length=8)),
                ('periods', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(120)])),
                ('features', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), blank=True, default=list, size=None)),
                ('fees', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), blank=True, default=list, size=None)),
                ('most_redemptions', models.PositiveIntegerField(blank=True, null=True)),
                ('most_per_customer', models.PositiveIntegerField(blank=True, null=True)),
                ('redeemed', models.PositiveIntegerField(default=0, editable=False)),
                ('redeem_from', models.DateTimeField(blank=True, null=True)),
                ('redeem_until', models.DateTimeField(blank=True, null=True)),
                ('archived_at', models.DateTimeField(editable=False, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='CreditPack',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.SlugField(max_length=64, unique=True)),
                ('name', models.CharField(help_text='How it reads on the invoice.', max_length=120)),
                ('unit', models.CharField(choices=[('credits', 'credits'), ('money', 'money of the currency it is bought in')], default='credits', max_length=7)),
                ('units', models.DecimalField(blank=True, decimal_places=12, max_digits=32, null=True)),
                ('least_units', models.DecimalField(blank=True, decimal_places=12, max_digits=32, null=True)),
                ('most_units', models.DecimalField(blank=True, decimal_places=12, max_digits=32, null=True)),
                ('slabs_by', models.CharField(choices=[('units', 'units bought'), ('price', 'what is paid, before tax')], default='units', max_length=5)),
                ('is_taxed', models.BooleanField(default=True)),
                ('valid_days', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3650)])),
                ('features', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), blank=True, default=list, size=None)),
                ('priority', models.PositiveSmallIntegerField(default=50)),
                ('rolls_over', models.PositiveSmallIntegerField(default=0, validators=[django.core.validators.MaxValueValidator(120)])),
                ('rollover_most', models.DecimalField(blank=True, decimal_places=12, max_digits=32, null=True)),
                ('rollover_days', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3650)])),
                ('sold_from', models.DateTimeField(blank=True, null=True)),
                ('sold_until', models.DateTimeField(blank=True, null=True)),
                ('archived_at', models.DateTimeField(editable=False, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='CreditPackEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('code', models.SlugField(db_index=False, max_length=64)),
                ('name', models.CharField(help_text='How it reads on the invoice.', max_length=120)),
                ('unit', models.CharField(choices=[('credits', 'credits'), ('money', 'money of the currency it is bought in')], default='credits', max_length=7)),
                ('units', models.DecimalField(blank=True, decimal_places=12, max_digits=32, null=True)),
                ('least_units', models.DecimalField(blank=True, decimal_places=12, max_digits=32, null=True)),
                ('most_units', models.DecimalField(blank=True, decimal_places=12, max_digits=32, null=True)),
                ('slabs_by', models.CharField(choices=[('units', 'units bought'), ('price', 'what is paid, before tax')], default='units', max_length=5)),
                ('is_taxed', models.BooleanField(default=True)),
                ('valid_days', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3650)])),
                ('features', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), blank=True, default=list, size=None)),
                ('priority', models.PositiveSmallIntegerField(default=50)),
                ('rolls_over', models.PositiveSmallIntegerField(default=0, validators=[django.core.validators.MaxValueValidator(120)])),
                ('rollover_most', models.DecimalField(blank=True, decimal_places=12, max_digits=32, null=True)),
                ('rollover_days', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3650)])),
                ('sold_from', models.DateTimeField(blank=True, null=True)),
                ('sold_until', models.DateTimeField(blank=True, null=True)),
                ('archived_at', models.DateTimeField(editable=False, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Feature',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=64, unique=True, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_.-]*$', 'Use lower-case letters, digits, dots, dashes and underscores, starting with a letter or digit.')])),
                ('name', models.CharField(max_length=120)),
                ('kind', models.CharField(choices=[('metered', 'metered'), ('boolean', 'has it or not'), ('static', 'a fixed value')], default='metered', max_length=8)),
                ('when_unreachable', models.CharField(choices=[('open', 'let it through: use is reported later'), ('closed', 'do not let it through')], db_default='open', default='open', help_text='What your product does while it gets no answer to a check.', max_length=6, verbose_name='when billing cannot be reached')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
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
                ('when_unreachable', models.CharField(choices=[('open', 'let it through: use is reported later'), ('closed', 'do not let it through')], db_default='open', default='open', help_text='What your product does while it gets no answer to a check.', max_length=6, verbose_name='when billing cannot be reached')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Fee',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(default='base-fee', max_length=64, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_.-]*$', 'Use lower-case letters, digits, dots, dashes and underscores, starting with a letter or digit.')])),
                ('kind', models.CharField(choices=[('base', 'base fee'), ('one_time', 'one-time fee')], default='base', max_length=10)),
                ('label', models.CharField(default='Base fee', max_length=120)),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('amount', djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=4, max_digits=19)),
                ('basis', models.CharField(choices=[('fixed', 'as it stands'), ('seat', 'for each seat'), ('add_on', 'for each add-on taken')], default='fixed', max_length=6)),
                ('included', models.PositiveIntegerField(default=0, help_text='Units held that cost nothing.')),
                ('least', models.PositiveIntegerField(default=0, help_text='How many are held at least, and to begin with.')),
                ('most', models.PositiveIntegerField(blank=True, help_text='How many may be held; empty for any number.', null=True)),
                ('billed', models.CharField(choices=[('advance', 'in advance'), ('arrears', 'in arrears')], default='advance', max_length=8)),
                ('position', models.PositiveSmallIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='FeeEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('code', models.CharField(default='base-fee', max_length=64, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_.-]*$', 'Use lower-case letters, digits, dots, dashes and underscores, starting with a letter or digit.')])),
                ('kind', models.CharField(choices=[('base', 'base fee'), ('one_time', 'one-time fee')], default='base', max_length=10)),
                ('label', models.CharField(default='Base fee', max_length=120)),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('amount', djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=4, max_digits=19)),
                ('basis', models.CharField(choices=[('fixed', 'as it stands'), ('seat', 'for each seat'), ('add_on', 'for each add-on taken')], default='fixed', max_length=6)),
                ('included', models.PositiveIntegerField(default=0, help_text='Units held that cost nothing.')),
                ('least', models.PositiveIntegerField(default=0, help_text='How many are held at least, and to begin with.')),
                ('most', models.PositiveIntegerField(blank=True, help_text='How many may be held; empty for any number.', null=True)),
                ('billed', models.CharField(choices=[('advance', 'in advance'), ('arrears', 'in arrears')], default='advance', max_length=8)),
                ('position', models.PositiveSmallIntegerField(default=0)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='IncludedCredits',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(default='credits', max_length=64, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_.-]*$', 'Use lower-case letters, digits, dots, dashes and underscores, starting with a letter or digit.')])),
                ('unit', models.CharField(default='credits', max_length=7)),
                ('amount', models.DecimalField(decimal_places=12, max_digits=26)),
                ('every', models.CharField(choices=[('period', 'each period'), ('month', 'each month: of a longer period, too'), ('once', 'once: when a subscription starts')], default='period', max_length=6)),
                ('lasts', models.CharField(choices=[('period', 'until its period or month ends'), ('days', 'for so many days'), ('ever', 'for ever')], default='period', max_length=6)),
                ('days', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('rolls_over', models.PositiveSmallIntegerField(default=0)),
                ('rollover_most', models.DecimalField(blank=True, decimal_places=12, max_digits=26, null=True)),
                ('priority', models.PositiveSmallIntegerField(default=50)),
                ('features', models.CharField(blank=True, max_length=1000)),
                ('in_trial', models.BooleanField(default=True)),
            ],
            options={
                'verbose_name': 'included credits',
                'verbose_name_plural': 'included credits',
            },
        ),
        migrations.CreateModel(
            name='IncludedCreditsEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('code', models.CharField(default='credits', max_length=64, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_.-]*$', 'Use lower-case letters, digits, dots, dashes and underscores, starting with a letter or digit.')])),
                ('unit', models.CharField(default='credits', max_length=7)),
                ('amount', models.DecimalField(decimal_places=12, max_digits=26)),
                ('every', models.CharField(choices=[('period', 'each period'), ('month', 'each month: of a longer period, too'), ('once', 'once: when a subscription starts')], default='period', max_length=6)),
                ('lasts', models.CharField(choices=[('period', 'until its period or month ends'), ('days', 'for so many days'), ('ever', 'for ever')], default='period', max_length=6)),
                ('days', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('rolls_over', models.PositiveSmallIntegerField(default=0)),
                ('rollover_most', models.DecimalField(blank=True, decimal_places=12, max_digits=26, null=True)),
                ('priority', models.PositiveSmallIntegerField(default=50)),
                ('features', models.CharField(blank=True, max_length=1000)),
                ('in_trial', models.BooleanField(default=True)),
            ],
            options={
                'abstract': False,
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
                ('expression', models.CharField(blank=True, help_text='Instead of a property, an expression of several: input_tokens + 4 * output_tokens.', max_length=1000)),
                ('measures', models.CharField(choices=[('deltas', 'by how much the level changed'), ('levels', 'what the level is from then on')], default='deltas', help_text="What an event's value says.", max_length=8)),
                ('operation_property', models.CharField(blank=True, help_text='Where this property says “remove”, the value is gone.', max_length=200)),
                ('price_property', models.CharField(blank=True, help_text='Dotted path of what the event itself costs, for dynamic prices.', max_length=200)),
                ('filters', models.JSONField(blank=True, default=dict, help_text='Only events whose properties match, such as {"status": ["success"], "model": ["a", "b"]}.')),
                ('excludes', models.JSONField(blank=True, default=list, help_text='A list of such filters; events that match all of any one of them are not counted.')),
                ('dimensions', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), blank=True, default=list, help_text='Properties that usage is broken down by and may be priced by, such as model, api_key.', size=8)),
                ('reading_dimension', models.CharField(blank=True, help_text="The dimension that tells this meter's readings apart.", max_length=100)),
                ('unit', models.CharField(default='unit', help_text='What one of it is called: token, request.', max_length=40)),
                ('rounding', models.CharField(choices=[('none', 'not rounded'), ('up', 'up'), ('down', 'down'), ('half_up', 'half up')], default='none', max_length=8)),
                ('rounding_places', models.SmallIntegerField(default=0, help_text='Below zero: to tens, hundreds …')),
                ('recurring', models.BooleanField(default=False, help_text="The level at a period's end opens the next one.")),
                ('created_at', models.DateTimeField(auto_now_add=True)),
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
                ('expression', models.CharField(blank=True, help_text='Instead of a property, an expression of several: input_tokens + 4 * output_tokens.', max_length=1000)),
                ('measures', models.CharField(choices=[('deltas', 'by how much the level changed'), ('levels', 'what the level is from then on')], default='deltas', help_text="What an event's value says.", max_length=8)),
                ('operation_property', models.CharField(blank=True, help_text='Where this property says “remove”, the value is gone.', max_length=200)),
                ('price_property', models.CharField(blank=True, help_text='Dotted path of what the event itself costs, for dynamic prices.', max_length=200)),
                ('filters', models.JSONField(blank=True, default=dict, help_text='Only events whose properties match, such as {"status": ["success"], "model": ["a", "b"]}.')),
                ('excludes', models.JSONField(blank=True, default=list, help_text='A list of such filters; events that match all of any one of them are not counted.')),
                ('dimensions', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), blank=True, default=list, help_text='Properties that usage is broken down by and may be priced by, such as model, api_key.', size=8)),
                ('reading_dimension', models.CharField(blank=True, help_text="The dimension that tells this meter's readings apart.", max_length=100)),
                ('unit', models.CharField(default='unit', help_text='What one of it is called: token, request.', max_length=40)),
                ('rounding', models.CharField(choices=[('none', 'not rounded'), ('up', 'up'), ('down', 'down'), ('half_up', 'half up')], default='none', max_length=8)),
                ('rounding_places', models.SmallIntegerField(default=0, help_text='Below zero: to tens, hundreds …')),
                ('recurring', models.BooleanField(default=False, help_text="The level at a period's end opens the next one.")),
                ('created_at', models.DateTimeField(auto_now_add=True)),
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
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='PackPrice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('currency', djmoney.models.fields.CurrencyField(default='USD', max_length=3)),
                ('price', models.DecimalField(decimal_places=12, max_digits=26)),
            ],
        ),
        migrations.CreateModel(
            name='PackPriceEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('currency', djmoney.models.fields.CurrencyField(default='USD', max_length=3)),
                ('price', models.DecimalField(decimal_places=12, max_digits=26)),
            ],
            options={
                'abstract': False,
            },
        ),
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
                ('included', lib.field_types.QuantityField(default=0)),
                ('static_value', models.CharField(blank=True, max_length=120)),
                ('at_zero', models.CharField(choices=[('block', 'refuse, until there is more'), ('overage', 'go on, and invoice what the wallet had not'), ('grace', 'go on into debt, up to a limit')], default='block', help_text='When its wallet has nothing left.', max_length=7)),
                ('grace', models.DecimalField(decimal_places=12, default=0, help_text='How far below zero the wallet may go: credits, or money of its currency.', max_digits=26)),
                ('unlocked_by', models.CharField(blank=True, choices=[('usage', 'usage of a feature in the period'), ('usage_ever', 'usage of a feature since the start'), ('spend', 'spend on usage in the period'), ('spend_ever', 'spend on usage since the start')], db_default='', help_text='Empty: open from the start.', max_length=10, verbose_name='opens by')),
                ('unlocked_with', models.CharField(blank=True, db_default='', max_length=64, verbose_name='usage of')),
                ('unlocked_at', models.DecimalField(db_default=0, decimal_places=12, default=0, max_digits=26, verbose_name='from')),
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
                ('included', lib.field_types.QuantityField(default=0)),
                ('static_value', models.CharField(blank=True, max_length=120)),
                ('at_zero', models.CharField(choices=[('block', 'refuse, until there is more'), ('overage', 'go on, and invoice what the wallet had not'), ('grace', 'go on into debt, up to a limit')], default='block', help_text='When its wallet has nothing left.', max_length=7)),
                ('grace', models.DecimalField(decimal_places=12, default=0, help_text='How far below zero the wallet may go: credits, or money of its currency.', max_digits=26)),
                ('unlocked_by', models.CharField(blank=True, choices=[('usage', 'usage of a feature in the period'), ('usage_ever', 'usage of a feature since the start'), ('spend', 'spend on usage in the period'), ('spend_ever', 'spend on usage since the start')], db_default='', help_text='Empty: open from the start.', max_length=10, verbose_name='opens by')),
                ('unlocked_with', models.CharField(blank=True, db_default='', max_length=64, verbose_name='usage of')),
                ('unlocked_at', models.DecimalField(db_default=0, decimal_places=12, default=0, max_digits=26, verbose_name='from')),
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
                ('trial_days', models.PositiveSmallIntegerField(db_default=0, default=0, help_text='Days before a new subscription pays its first fees; 0 for no trial.', validators=[django.core.validators.MaxValueValidator(730)])),
                ('trial_usage', models.CharField(choices=[('free', 'free: shown on the invoice at zero'), ('billed', "billed: at this version's prices, beyond an allowance of its own")], db_default='free', default='free', max_length=8, verbose_name='usage in the trial')),
                ('audience', models.CharField(choices=[('new', 'new subscriptions only'), ('cohort', 'a cohort'), ('all', 'everybody')], default='new', max_length=8)),
                ('effective_from', models.DateTimeField(blank=True, null=True)),
                ('effective_to', models.DateTimeField(blank=True, null=True)),
                ('tried_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='tried in the sandbox since')),
                ('note', models.TextField(blank=True, help_text='Why this version exists; shown in its history.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('published_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'permissions': [('publish_planversion', 'Can publish and withdraw plan versions')],
            },
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
                ('trial_days', models.PositiveSmallIntegerField(db_default=0, default=0, help_text='Days before a new subscription pays its first fees; 0 for no trial.', validators=[django.core.validators.MaxValueValidator(730)])),
                ('trial_usage', models.CharField(choices=[('free', 'free: shown on the invoice at zero'), ('billed', "billed: at this version's prices, beyond an allowance of its own")], db_default='free', default='free', max_length=8, verbose_name='usage in the trial')),
                ('audience', models.CharField(choices=[('new', 'new subscriptions only'), ('cohort', 'a cohort'), ('all', 'everybody')], default='new', max_length=8)),
                ('effective_from', models.DateTimeField(blank=True, null=True)),
                ('effective_to', models.DateTimeField(blank=True, null=True)),
                ('tried_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='tried in the sandbox since')),
                ('note', models.TextField(blank=True, help_text='Why this version exists; shown in its history.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('published_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Price',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('currency', djmoney.models.fields.CurrencyField(choices=[('XCR', 'credits'), ('AFN', 'Afghan Afghani'), ('ALL', 'Albanian Lek'), ('DZD', 'Algerian Dinar'), ('AOA', 'Angolan Kwanza'), ('ARS', 'Argentine Peso'), ('AMD', 'Armenian Dram'), ('AWG', 'Aruban Florin'), ('AUD', 'Australian Dollar'), ('AZN', 'Azerbaijani Manat'), ('BSD', 'Bahamian Dollar'), ('BHD', 'Bahraini Dinar'), ('BDT', 'Bangladeshi Taka'), ('BBD', 'Barbadian Dollar'), ('BYN', 'Belarusian Ruble'), ('BZD', 'Belize Dollar'), ('BMD', 'Bermudan Dollar'), ('BTN', 'Bhutanese Ngultrum'), ('BOB', 'Bolivian Boliviano'), ('BOV', 'Bolivian Mvdol'), ('VED', 'Bolívar Soberano'), ('BAM', 'Bosnia-Herzegovina Convertible Mark'), ('BWP', 'Botswanan Pula'), ('BRL', 'Brazilian Real'), ('GBP', 'British Pound'), ('BND', 'Brunei Dollar'), ('BGN', 'Bulgarian Lev'), ('BIF', 'Burundian Franc'), ('XPF', 'CFP Franc'), ('KHR', 'Cambodian Riel'), ('CAD', 'Canadian Dollar'), ('CVE', 'Cape Verdean Escudo'), ('KYD', 'Cayman Islands Dollar'), ('XAF', 'Central African CFA Franc'), ('CLP', 'Chilean Peso'), ('CLF', 'Chilean Unit of Account (UF)'), ('CNY', 'Chinese Yuan'), ('COP', 'Colombian Peso'), ('COU', 'Colombian Real Value Unit'), ('KMF', 'Comorian Franc'), ('CDF', 'Congolese Franc'), ('CRC', 'Costa Rican Colón'), ('HRK', 'Croatian Kuna'), ('CUP', 'Cuban Peso'), ('CZK', 'Czech Koruna'), ('DKK', 'Danish Krone'), ('DJF', 'Djiboutian Franc'), ('DOP', 'Dominican Peso'), ('XCD', 'East Caribbean Dollar'), ('EGP', 'Egyptian Pound'), ('ERN', 'Eritrean Nakfa'), ('ETB', 'Ethiopian Birr'), ('EUR', 'Euro'), ('FKP', 'Falkland Islands Pound'), ('FJD', 'Fijian Dollar'), ('GMD', 'Gambian Dalasi'), ('GEL', 'Georgian Lari'), ('GHS', 'Ghanaian Cedi'), ('GIP', 'Gibraltar Pound'), ('GTQ', 'Guatemalan Quetzal'), ('GNF', 'Guinean Franc'), ('GYD', 'Guyanaese Dollar'), ('HTG', 'Haitian Gourde'), ('HNL', 'Honduran Lempira'), ('HKD', 'Hong Kong Dollar'), ('HUF', 'Hungarian Forint'), ('ISK', 'Icelandic Króna'), ('INR', 'Indian Rupee'), ('IDR', 'Indonesian Rupiah'), ('IRR', 'Iranian Rial'), ('IQD', 'Iraqi Dinar'), ('ILS', 'Israeli New Shekel'), ('JMD', 'Jamaican Dollar'), ('JPY', 'Japanese Yen'), ('JOD', 'Jordanian Dinar'), ('KZT', 'Kazakhstani Tenge'), ('KES', 'Kenyan Shilling'), ('KWD', 'Kuwaiti Dinar'), ('KGS', 'Kyrgystani Som'), ('LAK', 'Laotian Kip'), ('LBP', 'Lebanese Pound'), ('LSL', 'Lesotho Loti'), ('LRD', 'Liberian Dollar'), ('LYD', 'Libyan Dinar'), ('MOP', 'Macanese Pataca'), ('MKD', 'Macedonian Denar'), ('MGA', 'Malagasy Ariary'), ('MWK', 'Malawian Kwacha'), ('MYR', 'Malaysian Ringgit'), ('MVR', 'Maldivian Rufiyaa'), ('MRU', 'Mauritanian Ouguiya'), ('MUR', 'Mauritian Rupee'), ('MXV', 'Mexican Investment Unit'), ('MXN', 'Mexican Peso'), ('MDL', 'Moldovan Leu'), ('MNT', 'Mongolian Tugrik'), ('MAD', 'Moroccan Dirham'), ('MZN', 'Mozambican Metical'), ('MMK', 'Myanmar Kyat'), ('NAD', 'Namibian Dollar'), ('NPR', 'Nepalese Rupee'), ('ANG', 'Netherlands Antillean Guilder'), ('TWD', 'New Taiwan Dollar'), ('NZD', 'New Zealand Dollar'), ('NIO', 'Nicaraguan Córdoba'), ('NGN', 'Nigerian Naira'), ('KPW', 'North Korean Won'), ('NOK', 'Norwegian Krone'), ('OMR', 'Omani Rial'), ('PKR', 'Pakistani Rupee'), ('PAB', 'Panamanian Balboa'), ('PGK', 'Papua New Guinean Kina'), ('PYG', 'Paraguayan Guarani'), ('PEN', 'Peruvian Sol'), ('PHP', 'Philippine Peso'), ('PLN', 'Polish Zloty'), ('QAR', 'Qatari Riyal'), ('RON', 'Romanian Leu'), ('RUB', 'Russian Ruble'), ('RWF', 'Rwandan Franc'), ('SVC', 'Salvadoran Colón'), ('WST', 'Samoan Tala'), ('SAR', 'Saudi Riyal'), ('RSD', 'Serbian Dinar'), ('SCR', 'Seychellois Rupee'), ('SLE', 'Sierra Leonean Leone'), ('SGD', 'Singapore Dollar'), ('SBD', 'Solomon Islands Dollar'), ('SOS', 'Somali Shilling'), ('ZAR', 'South African Rand'), ('KRW', 'South Korean Won'), ('SSP', 'South Sudanese Pound'), ('LKR', 'Sri Lankan Rupee'), ('SHP', 'St. Helena Pound'), ('SDG', 'Sudanese Pound'), ('SRD', 'Surinamese Dollar'), ('SZL', 'Swazi Lilangeni'), ('SEK', 'Swedish Krona'), ('CHF', 'Swiss Franc'), ('SYP', 'Syrian Pound'), ('STN', 'São Tomé & Príncipe Dobra'), ('TJS', 'Tajikistani Somoni'), ('TZS', 'Tanzanian Shilling'), ('THB', 'Thai Baht'), ('TOP', 'Tongan Paʻanga'), ('TTD', 'Trinidad & Tobago Dollar'), ('TND', 'Tunisian Dinar'), ('TRY', 'Turkish Lira'), ('TMT', 'Turkmenistani Manat'), ('USD', 'US Dollar'), ('USN', 'US Dollar (Next day)'), ('UGX', 'Ugandan Shilling'), ('UAH', 'Ukrainian Hryvnia'), ('AED', 'United Arab Emirates Dirham'), ('UYW', 'Uruguayan Nominal Wage Index Unit'), ('UYU', 'Uruguayan Peso'), ('UYI', 'Uruguayan Peso (Indexed Units)'), ('UZS', 'Uzbekistani Som'), ('VUV', 'Vanuatu Vatu'), ('VES', 'Venezuelan Bolívar'), ('VND', 'Vietnamese Dong'), ('CHE', 'WIR Euro'), ('CHW', 'WIR Franc'), ('XOF', 'West African CFA Franc'), ('YER', 'Yemeni Rial'), ('ZMW', 'Zambian Kwacha')], default=None, max_length=3)),
                ('minimum', models.DecimalField(blank=True, decimal_places=4, help_text='At least this for a full period.', max_digits=19, null=True)),
                ('maximum', models.DecimalField(blank=True, decimal_places=4, help_text='At most this for a full period.', max_digits=19, null=True)),
                ('resets_unit', models.CharField(blank=True, choices=[('day', 'day'), ('week', 'week'), ('month', 'month'), ('quarter', 'quarter'), ('year', 'year')], max_length=8)),
                ('resets_every', models.PositiveSmallIntegerField(default=1)),
            ],
        ),
        migrations.CreateModel(
            name='PriceEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('currency', djmoney.models.fields.CurrencyField(choices=[('XCR', 'credits'), ('AFN', 'Afghan Afghani'), ('ALL', 'Albanian Lek'), ('DZD', 'Algerian Dinar'), ('AOA', 'Angolan Kwanza'), ('ARS', 'Argentine Peso'), ('AMD', 'Armenian Dram'), ('AWG', 'Aruban Florin'), ('AUD', 'Australian Dollar'), ('AZN', 'Azerbaijani Manat'), ('BSD', 'Bahamian Dollar'), ('BHD', 'Bahraini Dinar'), ('BDT', 'Bangladeshi Taka'), ('BBD', 'Barbadian Dollar'), ('BYN', 'Belarusian Ruble'), ('BZD', 'Belize Dollar'), ('BMD', 'Bermudan Dollar'), ('BTN', 'Bhutanese Ngultrum'), ('BOB', 'Bolivian Boliviano'), ('BOV', 'Bolivian Mvdol'), ('VED', 'Bolívar Soberano'), ('BAM', 'Bosnia-Herzegovina Convertible Mark'), ('BWP', 'Botswanan Pula'), ('BRL', 'Brazilian Real'), ('GBP', 'British Pound'), ('BND', 'Brunei Dollar'), ('BGN', 'Bulgarian Lev'), ('BIF', 'Burundian Franc'), ('XPF', 'CFP Franc'), ('KHR', 'Cambodian Riel'), ('CAD', 'Canadian Dollar'), ('CVE', 'Cape Verdean Escudo'), ('KYD', 'Cayman Islands Dollar'), ('XAF', 'Central African CFA Franc'), ('CLP', 'Chilean Peso'), ('CLF', 'Chilean Unit of Account (UF)'), ('CNY', 'Chinese Yuan'), ('COP', 'Colombian Peso'), ('COU', 'Colombian Real Value Unit'), ('KMF', 'Comorian Franc'), ('CDF', 'Congolese Franc'), ('CRC', 'Costa Rican Colón'), ('HRK', 'Croatian Kuna'), ('CUP', 'Cuban Peso'), ('CZK', 'Czech Koruna'), ('DKK', 'Danish Krone'), ('DJF', 'Djiboutian Franc'), ('DOP', 'Dominican Peso'), ('XCD', 'East Caribbean Dollar'), ('EGP', 'Egyptian Pound'), ('ERN', 'Eritrean Nakfa'), ('ETB', 'Ethiopian Birr'), ('EUR', 'Euro'), ('FKP', 'Falkland Islands Pound'), ('FJD', 'Fijian Dollar'), ('GMD', 'Gambian Dalasi'), ('GEL', 'Georgian Lari'), ('GHS', 'Ghanaian Cedi'), ('GIP', 'Gibraltar Pound'), ('GTQ', 'Guatemalan Quetzal'), ('GNF', 'Guinean Franc'), ('GYD', 'Guyanaese Dollar'), ('HTG', 'Haitian Gourde'), ('HNL', 'Honduran Lempira'), ('HKD', 'Hong Kong Dollar'), ('HUF', 'Hungarian Forint'), ('ISK', 'Icelandic Króna'), ('INR', 'Indian Rupee'), ('IDR', 'Indonesian Rupiah'), ('IRR', 'Iranian Rial'), ('IQD', 'Iraqi Dinar'), ('ILS', 'Israeli New Shekel'), ('JMD', 'Jamaican Dollar'), ('JPY', 'Japanese Yen'), ('JOD', 'Jordanian Dinar'), ('KZT', 'Kazakhstani Tenge'), ('KES', 'Kenyan Shilling'), ('KWD', 'Kuwaiti Dinar'), ('KGS', 'Kyrgystani Som'), ('LAK', 'Laotian Kip'), ('LBP', 'Lebanese Pound'), ('LSL', 'Lesotho Loti'), ('LRD', 'Liberian Dollar'), ('LYD', 'Libyan Dinar'), ('MOP', 'Macanese Pataca'), ('MKD', 'Macedonian Denar'), ('MGA', 'Malagasy Ariary'), ('MWK', 'Malawian Kwacha'), ('MYR', 'Malaysian Ringgit'), ('MVR', 'Maldivian Rufiyaa'), ('MRU', 'Mauritanian Ouguiya'), ('MUR', 'Mauritian Rupee'), ('MXV', 'Mexican Investment Unit'), ('MXN', 'Mexican Peso'), ('MDL', 'Moldovan Leu'), ('MNT', 'Mongolian Tugrik'), ('MAD', 'Moroccan Dirham'), ('MZN', 'Mozambican Metical'), ('MMK', 'Myanmar Kyat'), ('NAD', 'Namibian Dollar'), ('NPR', 'Nepalese Rupee'), ('ANG', 'Netherlands Antillean Guilder'), ('TWD', 'New Taiwan Dollar'), ('NZD', 'New Zealand Dollar'), ('NIO', 'Nicaraguan Córdoba'), ('NGN', 'Nigerian Naira'), ('KPW', 'North Korean Won'), ('NOK', 'Norwegian Krone'), ('OMR', 'Omani Rial'), ('PKR', 'Pakistani Rupee'), ('PAB', 'Panamanian Balboa'), ('PGK', 'Papua New Guinean Kina'), ('PYG', 'Paraguayan Guarani'), ('PEN', 'Peruvian Sol'), ('PHP', 'Philippine Peso'), ('PLN', 'Polish Zloty'), ('QAR', 'Qatari Riyal'), ('RON', 'Romanian Leu'), ('RUB', 'Russian Ruble'), ('RWF', 'Rwandan Franc'), ('SVC', 'Salvadoran Colón'), ('WST', 'Samoan Tala'), ('SAR', 'Saudi Riyal'), ('RSD', 'Serbian Dinar'), ('SCR', 'Seychellois Rupee'), ('SLE', 'Sierra Leonean Leone'), ('SGD', 'Singapore Dollar'), ('SBD', 'Solomon Islands Dollar'), ('SOS', 'Somali Shilling'), ('ZAR', 'South African Rand'), ('KRW', 'South Korean Won'), ('SSP', 'South Sudanese Pound'), ('LKR', 'Sri Lankan Rupee'), ('SHP', 'St. Helena Pound'), ('SDG', 'Sudanese Pound'), ('SRD', 'Surinamese Dollar'), ('SZL', 'Swazi Lilangeni'), ('SEK', 'Swedish Krona'), ('CHF', 'Swiss Franc'), ('SYP', 'Syrian Pound'), ('STN', 'São Tomé & Príncipe Dobra'), ('TJS', 'Tajikistani Somoni'), ('TZS', 'Tanzanian Shilling'), ('THB', 'Thai Baht'), ('TOP', 'Tongan Paʻanga'), ('TTD', 'Trinidad & Tobago Dollar'), ('TND', 'Tunisian Dinar'), ('TRY', 'Turkish Lira'), ('TMT', 'Turkmenistani Manat'), ('USD', 'US Dollar'), ('USN', 'US Dollar (Next day)'), ('UGX', 'Ugandan Shilling'), ('UAH', 'Ukrainian Hryvnia'), ('AED', 'United Arab Emirates Dirham'), ('UYW', 'Uruguayan Nominal Wage Index Unit'), ('UYU', 'Uruguayan Peso'), ('UYI', 'Uruguayan Peso (Indexed Units)'), ('UZS', 'Uzbekistani Som'), ('VUV', 'Vanuatu Vatu'), ('VES', 'Venezuelan Bolívar'), ('VND', 'Vietnamese Dong'), ('CHE', 'WIR Euro'), ('CHW', 'WIR Franc'), ('XOF', 'West African CFA Franc'), ('YER', 'Yemeni Rial'), ('ZMW', 'Zambian Kwacha')], default=None, max_length=3)),
                ('minimum', models.DecimalField(blank=True, decimal_places=4, help_text='At least this for a full period.', max_digits=19, null=True)),
                ('maximum', models.DecimalField(blank=True, decimal_places=4, help_text='At most this for a full period.', max_digits=19, null=True)),
                ('resets_unit', models.CharField(blank=True, choices=[('day', 'day'), ('week', 'week'), ('month', 'month'), ('quarter', 'quarter'), ('year', 'year')], max_length=8)),
                ('resets_every', models.PositiveSmallIntegerField(default=1)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Promotion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(blank=True, help_text='Empty for as long as it is not ended.', null=True)),
            ],
        ),
        migrations.CreateModel(
            name='PromotionEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(blank=True, help_text='Empty for as long as it is not ended.', null=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='PublishingRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('needs_approval', models.BooleanField(default=False, help_text='A version is published only after somebody else than who asked has approved it.')),
                ('needs_simulation', models.BooleanField(db_default=False, default=False, help_text='A version that follows another one of its plan is put in review, and published, only after a simulation of exactly what it says has been finished.')),
                ('migrations_need_approval', models.BooleanField(db_default=False, default=False, help_text='Subscriptions are moved in bulk only after somebody else than who asked has approved it.')),
                ('one_model_per_plan', models.BooleanField(default=False, help_text='The plan check tells of versions whose metered features are consumed in more ways than one.')),
            ],
        ),
        migrations.CreateModel(
            name='PublishingRuleEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('needs_approval', models.BooleanField(default=False, help_text='A version is published only after somebody else than who asked has approved it.')),
                ('needs_simulation', models.BooleanField(db_default=False, default=False, help_text='A version that follows another one of its plan is put in review, and published, only after a simulation of exactly what it says has been finished.')),
                ('migrations_need_approval', models.BooleanField(db_default=False, default=False, help_text='Subscriptions are moved in bulk only after somebody else than who asked has approved it.')),
                ('one_model_per_plan', models.BooleanField(default=False, help_text='The plan check tells of versions whose metered features are consumed in more ways than one.')),
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
                ('model', models.CharField(choices=[('flat', 'flat fee'), ('per_unit', 'per unit'), ('package', 'per package'), ('graduated', "graduated: each unit at its own tier's price"), ('volume', "volume: all units at the reached tier's price"), ('percentage', "percentage of each event's value"), ('graduated_percentage', 'graduated percentage: each range of value at its own'), ('dynamic', 'dynamic: what the events themselves cost')], default='per_unit', max_length=20)),
                ('unit_price', models.DecimalField(blank=True, decimal_places=12, help_text='Per unit, per package of the size beside it, or the fee of a flat rate.', max_digits=26, null=True)),
                ('package_size', models.DecimalField(blank=True, decimal_places=12, max_digits=26, null=True)),
                ('package_rounding', models.CharField(choices=[('up', 'a started package is due whole'), ('down', 'only full packages are charged')], default='up', max_length=4)),
                ('percent', models.DecimalField(blank=True, decimal_places=10, help_text="Of each event's value: 2.9 is 2.9 %.", max_digits=14, null=True)),
                ('fixed_fee', models.DecimalField(decimal_places=12, default=0, help_text='For every event that is paid for.', max_digits=26)),
                ('free_events', models.PositiveIntegerField(default=0, help_text='The first so many of a period are free.')),
                ('free_value', lib.field_types.QuantityField(default=0, help_text='The first so much value of a period is free.')),
                ('least_per_event', models.DecimalField(blank=True, decimal_places=12, max_digits=26, null=True)),
                ('most_per_event', models.DecimalField(blank=True, decimal_places=12, max_digits=26, null=True)),
                ('cost_source', models.CharField(choices=[('event', 'the price that each event carries'), ('unit_cost', 'its units at their unit cost')], default='event', max_length=10)),
                ('markup', models.DecimalField(decimal_places=12, default=1, help_text='What the cost is multiplied by: 1.2 adds a fifth, 1 passes it through.', max_digits=26)),
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
                ('model', models.CharField(choices=[('flat', 'flat fee'), ('per_unit', 'per unit'), ('package', 'per package'), ('graduated', "graduated: each unit at its own tier's price"), ('volume', "volume: all units at the reached tier's price"), ('percentage', "percentage of each event's value"), ('graduated_percentage', 'graduated percentage: each range of value at its own'), ('dynamic', 'dynamic: what the events themselves cost')], default='per_unit', max_length=20)),
                ('unit_price', models.DecimalField(blank=True, decimal_places=12, help_text='Per unit, per package of the size beside it, or the fee of a flat rate.', max_digits=26, null=True)),
                ('package_size', models.DecimalField(blank=True, decimal_places=12, max_digits=26, null=True)),
                ('package_rounding', models.CharField(choices=[('up', 'a started package is due whole'), ('down', 'only full packages are charged')], default='up', max_length=4)),
                ('percent', models.DecimalField(blank=True, decimal_places=10, help_text="Of each event's value: 2.9 is 2.9 %.", max_digits=14, null=True)),
                ('fixed_fee', models.DecimalField(decimal_places=12, default=0, help_text='For every event that is paid for.', max_digits=26)),
                ('free_events', models.PositiveIntegerField(default=0, help_text='The first so many of a period are free.')),
                ('free_value', lib.field_types.QuantityField(default=0, help_text='The first so much value of a period is free.')),
                ('least_per_event', models.DecimalField(blank=True, decimal_places=12, max_digits=26, null=True)),
                ('most_per_event', models.DecimalField(blank=True, decimal_places=12, max_digits=26, null=True)),
                ('cost_source', models.CharField(choices=[('event', 'the price that each event carries'), ('unit_cost', 'its units at their unit cost')], default='event', max_length=10)),
                ('markup', models.DecimalField(decimal_places=12, default=1, help_text='What the cost is multiplied by: 1.2 adds a fifth, 1 passes it through.', max_digits=26)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Rehearsal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content', models.CharField(max_length=64)),
                ('reference', models.CharField(max_length=80)),
                ('facts', models.JSONField(default=dict)),
                ('at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='RehearsalEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('content', models.CharField(max_length=64)),
                ('reference', models.CharField(max_length=80)),
                ('facts', models.JSONField(default=dict)),
                ('at', models.DateTimeField()),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Tier',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('up_to', lib.field_types.QuantityField(blank=True, help_text='Empty for the last tier.', null=True)),
                ('unit_price', models.DecimalField(decimal_places=12, default=0, max_digits=26)),
                ('percent', models.DecimalField(blank=True, decimal_places=10, max_digits=14, null=True)),
                ('flat_fee', models.DecimalField(decimal_places=12, default=0, max_digits=26)),
            ],
        ),
        migrations.CreateModel(
            name='TierEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('up_to', lib.field_types.QuantityField(blank=True, help_text='Empty for the last tier.', null=True)),
                ('unit_price', models.DecimalField(decimal_places=12, default=0, max_digits=26)),
                ('percent', models.DecimalField(blank=True, decimal_places=10, max_digits=14, null=True)),
                ('flat_fee', models.DecimalField(decimal_places=12, default=0, max_digits=26)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='UnitCost',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('match', models.JSONField(blank=True, default=dict)),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('cost', models.DecimalField(decimal_places=12, help_text='Of one unit, such as 0.0000025 for 2.50 per million.', max_digits=26)),
                ('valid_from', models.DateTimeField()),
                ('valid_to', models.DateTimeField(blank=True, help_text='Empty: until another one takes over.', null=True)),
                ('note', models.CharField(blank=True, help_text='Where the figure is from: a price list, an offer.', max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='UnitCostEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('match', models.JSONField(blank=True, default=dict)),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('cost', models.DecimalField(decimal_places=12, help_text='Of one unit, such as 0.0000025 for 2.50 per million.', max_digits=26)),
                ('valid_from', models.DateTimeField()),
                ('valid_to', models.DateTimeField(blank=True, help_text='Empty: until another one takes over.', null=True)),
                ('note', models.CharField(blank=True, help_text='Where the figure is from: a price list, an offer.', max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='BonusSlabEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('least', models.DecimalField(decimal_places=12, default=0, max_digits=32)),
                ('units', models.DecimalField(decimal_places=12, default=0, max_digits=32)),
                ('percent', models.DecimalField(decimal_places=10, default=0, max_digits=14)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.bonusslab')),
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
            name='ChangeRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content', models.CharField(max_length=64)),
                ('advice', models.JSONField(default=list)),
                ('reason', models.TextField(blank=True)),
                ('asked_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('approved', 'approved'), ('declined', 'declined'), ('withdrawn', 'withdrawn')], default='waiting', max_length=9)),
                ('decided_at', models.DateTimeField(null=True)),
                ('decision', models.TextField(blank=True)),
                ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'permissions': [('decide_changerequest', 'Can approve and decline what others ask to publish')],
            },
        ),
        migrations.CreateModel(
            name='ChangeRequestEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('content', models.CharField(max_length=64)),
                ('advice', models.JSONField(default=list)),
                ('reason', models.TextField(blank=True)),
                ('asked_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('approved', 'approved'), ('declined', 'declined'), ('withdrawn', 'withdrawn')], default='waiting', max_length=9)),
                ('decided_at', models.DateTimeField(null=True)),
                ('decision', models.TextField(blank=True)),
                ('asked_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('decided_by', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.changerequest')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='CommitmentEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('minimum', models.DecimalField(decimal_places=4, max_digits=19)),
                ('periods', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(120)])),
                ('overage_factor', models.DecimalField(decimal_places=4, default=1, max_digits=7)),
                ('discount', models.DecimalField(decimal_places=10, default=0, max_digits=14)),
                ('trues_up', models.BooleanField(default=True)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.commitment')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Coupon',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=64)),
                ('name', models.CharField(help_text='How it reads on the invoice.', max_length=120)),
                ('percent', models.DecimalField(blank=True, decimal_places=10, max_digits=14, null=True)),
                ('amount', models.DecimalField(blank=True, decimal_places=4, max_digits=19, null=True)),
                ('currency', models.CharField(blank=True, max_length=3)),
                ('duration', models.CharField(choices=[('once', 'once: on one document'), ('periods', 'for a number of periods'), ('forever', 'for as long as the subscription runs')], default='once', max_length=8)),
                ('periods', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(120)])),
                ('features', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), blank=True, default=list, size=None)),
                ('fees', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), blank=True, default=list, size=None)),
                ('most_redemptions', models.PositiveIntegerField(blank=True, null=True)),
                ('most_per_customer', models.PositiveIntegerField(blank=True, null=True)),
                ('redeemed', models.PositiveIntegerField(default=0, editable=False)),
                ('redeem_from', models.DateTimeField(blank=True, null=True)),
                ('redeem_until', models.DateTimeField(blank=True, null=True)),
                ('archived_at', models.DateTimeField(editable=False, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('code',), name='code_names_one_coupon'), models.CheckConstraint(condition=models.Q(('code__regex', '^[A-Z0-9][A-Z0-9_-]*$')), name='coupon_code_is_plain'), models.CheckConstraint(condition=models.Q(models.Q(('amount__isnull', True), ('currency', ''), ('percent__isnull', False)), models.Q(('amount__isnull', False), ('currency__regex', '^[A-Z]{3}$'), ('percent__isnull', True)), _connector='OR'), name='coupon_is_a_percentage_or_an_amount'), models.CheckConstraint(condition=models.Q(('percent__isnull', True), models.Q(('percent__gt', 0), ('percent__lte', 100)), _connector='OR'), name='coupon_takes_up_to_100_percent_off'), models.CheckConstraint(condition=models.Q(('amount__isnull', True), models.Q(('amount__gt', 0), ('amount__lte', Decimal('1E+12'))), _connector='OR'), name='coupon_amount_is_finite'), models.CheckConstraint(condition=models.Q(('duration__in', ['once', 'periods', 'forever'])), name='coupon_duration_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('duration', 'periods'), ('periods__gte', 1), ('periods__isnull', False), ('periods__lte', 120)), models.Q(models.Q(('duration', 'periods'), _negated=True), ('periods__isnull', True)), _connector='OR'), name='coupon_says_for_how_many_periods'), models.CheckConstraint(condition=models.Q(('most_redemptions__gte', 1), ('most_redemptions__lte', 1000000000)), name='coupon_limit_is_finite'), models.CheckConstraint(condition=models.Q(('most_per_customer__gte', 1), ('most_per_customer__lte', 1000000000)), name='coupon_limit_per_customer_is_finite'), models.CheckConstraint(condition=models.Q(('redeemed__gte', 0), models.Q(('most_redemptions__isnull', True), ('redeemed__lte', models.F('most_redemptions')), _connector='OR')), name='coupon_is_given_within_its_limit'), models.CheckConstraint(condition=models.Q(('redeem_from__isnull', True), ('redeem_until__isnull', True), ('redeem_until__gt', models.F('redeem_from')), _connector='OR'), name='coupon_ends_after_it_starts')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='coupon',
            trigger=pgtrigger.compiler.Trigger(name='redeemed_coupon_keeps_its_terms', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF OLD.redeemed > 0\n               AND (TG_OP = 'DELETE' OR (to_jsonb(NEW) - ARRAY['name', 'redeemed', 'most_redemptions', 'most_per_customer', 'redeem_from', 'redeem_until', 'archived_at']) IS DISTINCT FROM (to_jsonb(OLD) - ARRAY['name', 'redeemed', 'most_redemptions', 'most_per_customer', 'redeem_from', 'redeem_until', 'archived_at'])) THEN\n                RAISE EXCEPTION 'redeemed_coupon_keeps_its_terms: somebody holds %; archive it and make another one',\n                    OLD.code USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='12b0bcab257a3f0608cf9afb62c13dbf9005036e', operation='UPDATE OR DELETE', pgid='pgtrigger_redeemed_coupon_keeps_its_terms_23d04', table='plans_coupon', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='coupon',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_couponevent" ("amount", "archived_at", "code", "created_at", "currency", "duration", "features", "fees", "id", "most_per_customer", "most_redemptions", "name", "percent", "periods", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "redeem_from", "redeem_until", "redeemed") VALUES (NEW."amount", NEW."archived_at", NEW."code", NEW."created_at", NEW."currency", NEW."duration", NEW."features", NEW."fees", NEW."id", NEW."most_per_customer", NEW."most_redemptions", NEW."name", NEW."percent", NEW."periods", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."redeem_from", NEW."redeem_until", NEW."redeemed"); RETURN NULL;', hash='bea05c69446da80273f5822952ff8e6a345dabbd', operation='INSERT', pgid='pgtrigger_insert_insert_4bad2', table='plans_coupon', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='coupon',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_couponevent" ("amount", "archived_at", "code", "created_at", "currency", "duration", "features", "fees", "id", "most_per_customer", "most_redemptions", "name", "percent", "periods", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "redeem_from", "redeem_until", "redeemed") VALUES (NEW."amount", NEW."archived_at", NEW."code", NEW."created_at", NEW."currency", NEW."duration", NEW."features", NEW."fees", NEW."id", NEW."most_per_customer", NEW."most_redemptions", NEW."name", NEW."percent", NEW."periods", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."redeem_from", NEW."redeem_until", NEW."redeemed"); RETURN NULL;', hash='35289663d1ae8706d0634814281f91ac84c7ffdf', operation='UPDATE', pgid='pgtrigger_update_update_90a14', table='plans_coupon', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='coupon',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_couponevent" ("amount", "archived_at", "code", "created_at", "currency", "duration", "features", "fees", "id", "most_per_customer", "most_redemptions", "name", "percent", "periods", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "redeem_from", "redeem_until", "redeemed") VALUES (OLD."amount", OLD."archived_at", OLD."code", OLD."created_at", OLD."currency", OLD."duration", OLD."features", OLD."fees", OLD."id", OLD."most_per_customer", OLD."most_redemptions", OLD."name", OLD."percent", OLD."periods", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."redeem_from", OLD."redeem_until", OLD."redeemed"); RETURN NULL;', hash='9dc88405624ed69831094698596c4a4d16399a9f', operation='DELETE', pgid='pgtrigger_delete_delete_450ab', table='plans_coupon', when='AFTER')),
        ),
        migrations.AddField(
            model_name='couponevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='couponevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.coupon'),
        ),
        migrations.AddConstraint(
            model_name='creditpack',
            constraint=models.CheckConstraint(condition=models.Q(('unit__in', ['credits', 'money'])), name='pack_unit_is_known'),
        ),
        migrations.AddConstraint(
            model_name='creditpack',
            constraint=models.CheckConstraint(condition=models.Q(('slabs_by__in', ['units', 'price'])), name='bonus_is_reached_by_units_or_price'),
        ),
        migrations.AddConstraint(
            model_name='creditpack',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('least_units__isnull', True), ('most_units__isnull', True), ('units__gt', 0), ('units__isnull', False), ('units__lte', 1000000000000)), models.Q(('least_units__gt', 0), ('least_units__isnull', False), ('most_units__gte', models.F('least_units')), ('most_units__isnull', False), ('most_units__lte', 1000000000000), ('units__isnull', True)), _connector='OR'), name='pack_holds_units_or_sells_them_one_by_one'),
        ),
        migrations.AddConstraint(
            model_name='creditpack',
            constraint=models.CheckConstraint(condition=models.Q(('is_taxed', True), ('unit', 'money'), _connector='OR'), name='credits_are_taxed_when_bought'),
        ),
        migrations.AddConstraint(
            model_name='creditpack',
            constraint=models.CheckConstraint(condition=models.Q(('valid_days__gte', 1), ('valid_days__lte', 3650)), name='pack_is_valid_for_1_to_3650_days'),
        ),
        migrations.AddConstraint(
            model_name='creditpack',
            constraint=models.CheckConstraint(condition=models.Q(('rollover_most__gte', 0), ('rollover_most__lte', 1000000000000)), name='rollover_of_a_pack_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='creditpack',
            constraint=models.CheckConstraint(condition=models.Q(('rollover_days__gte', 1), ('rollover_days__lte', 3650)), name='rollover_lasts_1_to_3650_days'),
        ),
        migrations.AddConstraint(
            model_name='creditpack',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('rollover_days__isnull', True), ('rollover_most__isnull', True), ('rolls_over', 0)), models.Q(('rolls_over__gte', 1), ('rolls_over__lte', 120), ('valid_days__isnull', False)), _connector='OR'), name='only_a_pack_that_expires_rolls_over'),
        ),
        migrations.AddConstraint(
            model_name='creditpack',
            constraint=models.CheckConstraint(condition=models.Q(('sold_from__isnull', True), ('sold_until__isnull', True), ('sold_until__gt', models.F('sold_from')), _connector='OR'), name='sale_of_a_pack_ends_after_it_starts'),
        ),
        migrations.AddField(
            model_name='bonusslabevent',
            name='pack',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.creditpack'),
        ),
        migrations.AddField(
            model_name='bonusslab',
            name='pack',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='slabs', to='plans.creditpack'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='creditpack',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_creditpackevent" ("archived_at", "code", "created_at", "features", "id", "is_taxed", "least_units", "most_units", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "priority", "rollover_days", "rollover_most", "rolls_over", "slabs_by", "sold_from", "sold_until", "unit", "units", "valid_days") VALUES (NEW."archived_at", NEW."code", NEW."created_at", NEW."features", NEW."id", NEW."is_taxed", NEW."least_units", NEW."most_units", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."priority", NEW."rollover_days", NEW."rollover_most", NEW."rolls_over", NEW."slabs_by", NEW."sold_from", NEW."sold_until", NEW."unit", NEW."units", NEW."valid_days"); RETURN NULL;', hash='00013e80dc6d5fe47f260e8fe521f5992692566a', operation='INSERT', pgid='pgtrigger_insert_insert_5ff41', table='plans_creditpack', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='creditpack',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_creditpackevent" ("archived_at", "code", "created_at", "features", "id", "is_taxed", "least_units", "most_units", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "priority", "rollover_days", "rollover_most", "rolls_over", "slabs_by", "sold_from", "sold_until", "unit", "units", "valid_days") VALUES (NEW."archived_at", NEW."code", NEW."created_at", NEW."features", NEW."id", NEW."is_taxed", NEW."least_units", NEW."most_units", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."priority", NEW."rollover_days", NEW."rollover_most", NEW."rolls_over", NEW."slabs_by", NEW."sold_from", NEW."sold_until", NEW."unit", NEW."units", NEW."valid_days"); RETURN NULL;', hash='e06a7d2b195291ccf5f70036ab2aa71560fc7681', operation='UPDATE', pgid='pgtrigger_update_update_221ee', table='plans_creditpack', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='creditpack',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_creditpackevent" ("archived_at", "code", "created_at", "features", "id", "is_taxed", "least_units", "most_units", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "priority", "rollover_days", "rollover_most", "rolls_over", "slabs_by", "sold_from", "sold_until", "unit", "units", "valid_days") VALUES (OLD."archived_at", OLD."code", OLD."created_at", OLD."features", OLD."id", OLD."is_taxed", OLD."least_units", OLD."most_units", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."priority", OLD."rollover_days", OLD."rollover_most", OLD."rolls_over", OLD."slabs_by", OLD."sold_from", OLD."sold_until", OLD."unit", OLD."units", OLD."valid_days"); RETURN NULL;', hash='dad81c6674d345c3cba9c06484676a355b5310bd', operation='DELETE', pgid='pgtrigger_delete_delete_3bf62', table='plans_creditpack', when='AFTER')),
        ),
        migrations.AddField(
            model_name='creditpackevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='creditpackevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.creditpack'),
        ),
        migrations.AddField(
            model_name='featureevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='featureevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.feature'),
        ),
        migrations.AddField(
            model_name='feeevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='feeevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.fee'),
        ),
        migrations.AddField(
            model_name='includedcreditsevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='includedcreditsevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.includedcredits'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(('aggregation__in', ['count', 'sum', 'max', 'min', 'average', 'latest', 'unique', 'weighted_sum'])), name='meter_aggregation_is_known'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(('rounding__in', ['none', 'up', 'down', 'half_up'])), name='meter_rounding_is_known'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(('measures__in', ['deltas', 'levels'])), name='meter_measures_deltas_or_levels'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(('rounding_places__gte', -12), ('rounding_places__lte', 12)), name='meter_rounds_to_12_places_at_most'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(('recurring', False), ('aggregation__in', ('sum', 'latest', 'unique', 'weighted_sum')), _connector='OR'), name='only_a_level_recurs'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(('aggregation', 'count'), models.Q(('expression', ''), ('reading_dimension', ''), models.Q(('value_property', ''), _negated=True)), models.Q(models.Q(('expression', ''), _negated=True), ('reading_dimension', ''), ('value_property', '')), models.Q(models.Q(('reading_dimension', ''), _negated=True), ('expression', ''), ('value_property', '')), _connector='OR'), name='meter_reads_its_value_in_one_way'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(('expression', ''), models.Q(('aggregation__in', ('count', 'unique')), _negated=True), _connector='OR'), name='only_numbers_are_computed'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(('operation_property', ''), ('aggregation', 'unique'), _connector='OR'), name='only_distinct_values_go'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(('measures', 'deltas'), ('aggregation', 'weighted_sum'), _connector='OR'), name='only_a_weighted_sum_has_levels'),
        ),
        migrations.AddField(
            model_name='featureevent',
            name='meter',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.meter'),
        ),
        migrations.AddField(
            model_name='feature',
            name='meter',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='features', to='plans.meter'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meter',
            trigger=pgtrigger.compiler.Trigger(name='meter_in_use_keeps_its_meaning', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE used bigint;', func="\n            IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY['id', 'name', 'unit']) = (to_jsonb(OLD) - ARRAY['id', 'name', 'unit']) THEN\n                RETURN NEW;\n            END IF;\n            IF TG_OP = 'INSERT' THEN used := (NEW.id);\n            ELSE used := (OLD.id);\n            END IF;\n            IF EXISTS (\n                SELECT 1 FROM plans_planfeature pf\n                JOIN plans_feature f ON f.id = pf.feature_id\n                JOIN plans_planversion v ON v.id = pf.version_id\n                WHERE f.meter_id = used AND (v.state NOT IN ('draft', 'review') OR v.tried_at IS NOT NULL)\n            ) THEN\n                RAISE EXCEPTION 'meter_in_use_keeps_its_meaning: a published version prices it; create a new meter'\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='660b75ce5e3bb9ebc7e28744a8d3f3909247fe80', operation='UPDATE OR DELETE OR INSERT', pgid='pgtrigger_meter_in_use_keeps_its_meaning_ecfa4', table='plans_meter', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meter',
            trigger=pgtrigger.compiler.Trigger(name='catalogue_moves_on', sql=pgtrigger.compiler.UpsertTriggerSql(func='UPDATE plans_catalogue SET revision = revision + 1; RETURN NULL;', hash='b9b993ab5ac5c5d063e1cf1a261f8572a4ba372e', level='STATEMENT', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_catalogue_moves_on_0365c', table='plans_meter', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meter',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_meterevent" ("aggregation", "code", "created_at", "dimensions", "event_name", "excludes", "expression", "filters", "id", "measures", "name", "operation_property", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "price_property", "reading_dimension", "recurring", "rounding", "rounding_places", "unit", "value_property") VALUES (NEW."aggregation", NEW."code", NEW."created_at", NEW."dimensions", NEW."event_name", NEW."excludes", NEW."expression", NEW."filters", NEW."id", NEW."measures", NEW."name", NEW."operation_property", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."price_property", NEW."reading_dimension", NEW."recurring", NEW."rounding", NEW."rounding_places", NEW."unit", NEW."value_property"); RETURN NULL;', hash='89b00c739eef677aa7d29c29fcbd9f13f3684ccf', operation='INSERT', pgid='pgtrigger_insert_insert_44f38', table='plans_meter', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meter',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_meterevent" ("aggregation", "code", "created_at", "dimensions", "event_name", "excludes", "expression", "filters", "id", "measures", "name", "operation_property", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "price_property", "reading_dimension", "recurring", "rounding", "rounding_places", "unit", "value_property") VALUES (NEW."aggregation", NEW."code", NEW."created_at", NEW."dimensions", NEW."event_name", NEW."excludes", NEW."expression", NEW."filters", NEW."id", NEW."measures", NEW."name", NEW."operation_property", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."price_property", NEW."reading_dimension", NEW."recurring", NEW."rounding", NEW."rounding_places", NEW."unit", NEW."value_property"); RETURN NULL;', hash='2ed26268beb87fac0bebccbf02e0923bd8b1c32d', operation='UPDATE', pgid='pgtrigger_update_update_69c72', table='plans_meter', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meter',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_meterevent" ("aggregation", "code", "created_at", "dimensions", "event_name", "excludes", "expression", "filters", "id", "measures", "name", "operation_property", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "price_property", "reading_dimension", "recurring", "rounding", "rounding_places", "unit", "value_property") VALUES (OLD."aggregation", OLD."code", OLD."created_at", OLD."dimensions", OLD."event_name", OLD."excludes", OLD."expression", OLD."filters", OLD."id", OLD."measures", OLD."name", OLD."operation_property", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."price_property", OLD."reading_dimension", OLD."recurring", OLD."rounding", OLD."rounding_places", OLD."unit", OLD."value_property"); RETURN NULL;', hash='0701f16b0ab78dbf5b7b6fdc0eec5cb7edee5a66', operation='DELETE', pgid='pgtrigger_delete_delete_39b54', table='plans_meter', when='AFTER')),
        ),
        migrations.AddField(
            model_name='meterevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='meterevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.meter'),
        ),
        migrations.AddField(
            model_name='meterreading',
            name='meter',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='readings', to='plans.meter'),
        ),
        migrations.AddField(
            model_name='meterreadingevent',
            name='meter',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.meter'),
        ),
        migrations.AddField(
            model_name='meterreadingevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='meterreadingevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.meterreading'),
        ),
        migrations.AddField(
            model_name='packprice',
            name='pack',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='prices', to='plans.creditpack'),
        ),
        migrations.AddField(
            model_name='packpriceevent',
            name='pack',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.creditpack'),
        ),
        migrations.AddField(
            model_name='packpriceevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='packpriceevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.packprice'),
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
        migrations.AddField(
            model_name='planevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='planevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.plan'),
        ),
        migrations.AddField(
            model_name='planfeature',
            name='feature',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='offered_in', to='plans.feature'),
        ),
        migrations.AddField(
            model_name='planfeatureevent',
            name='feature',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.feature'),
        ),
        migrations.AddField(
            model_name='planfeatureevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='planfeatureevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.planfeature'),
        ),
        migrations.AddField(
            model_name='planversion',
            name='copied_from',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='copies', to='plans.planversion'),
        ),
        migrations.AddField(
            model_name='planversion',
            name='plan',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='plans.plan'),
        ),
        migrations.AddField(
            model_name='planversion',
            name='published_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='planfeatureevent',
            name='version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.planversion'),
        ),
        migrations.AddField(
            model_name='planfeature',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='features', to='plans.planversion'),
        ),
        migrations.AddField(
            model_name='includedcreditsevent',
            name='version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.planversion'),
        ),
        migrations.AddField(
            model_name='includedcredits',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='included_credits', to='plans.planversion'),
        ),
        migrations.AddField(
            model_name='feeevent',
            name='version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.planversion'),
        ),
        migrations.AddField(
            model_name='fee',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='fees', to='plans.planversion'),
        ),
        migrations.AddField(
            model_name='commitmentevent',
            name='version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.planversion'),
        ),
        migrations.AddField(
            model_name='commitment',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='commitments', to='plans.planversion'),
        ),
        migrations.AddField(
            model_name='changerequestevent',
            name='version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.planversion'),
        ),
        migrations.AddField(
            model_name='changerequest',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='requests', to='plans.planversion'),
        ),
        migrations.AddField(
            model_name='planversionevent',
            name='copied_from',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.planversion'),
        ),
        migrations.AddField(
            model_name='planversionevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='planversionevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.planversion'),
        ),
        migrations.AddField(
            model_name='planversionevent',
            name='plan',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.plan'),
        ),
        migrations.AddField(
            model_name='planversionevent',
            name='published_by',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='price',
            name='plan_feature',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='prices', to='plans.planfeature'),
        ),
        migrations.AddField(
            model_name='priceevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='priceevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.price'),
        ),
        migrations.AddField(
            model_name='priceevent',
            name='plan_feature',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.planfeature'),
        ),
        migrations.AddField(
            model_name='promotion',
            name='coupon',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='promotions', to='plans.coupon'),
        ),
        migrations.AddField(
            model_name='promotion',
            name='plan',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='promotions', to='plans.plan'),
        ),
        migrations.AddField(
            model_name='promotionevent',
            name='coupon',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.coupon'),
        ),
        migrations.AddField(
            model_name='promotionevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='promotionevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.promotion'),
        ),
        migrations.AddField(
            model_name='promotionevent',
            name='plan',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.plan'),
        ),
        migrations.AddConstraint(
            model_name='publishingrule',
            constraint=models.CheckConstraint(condition=models.Q(('id', 1)), name='there_is_one_publishing_rule'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='publishingrule',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_publishingruleevent" ("id", "migrations_need_approval", "needs_approval", "needs_simulation", "one_model_per_plan", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."id", NEW."migrations_need_approval", NEW."needs_approval", NEW."needs_simulation", NEW."one_model_per_plan", _pgh_attach_context(), NOW(), \'insert\', NEW."id"); RETURN NULL;', hash='c9cd221048ad50768404c370f2e6d3988da90725', operation='INSERT', pgid='pgtrigger_insert_insert_e78fe', table='plans_publishingrule', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='publishingrule',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_publishingruleevent" ("id", "migrations_need_approval", "needs_approval", "needs_simulation", "one_model_per_plan", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."id", NEW."migrations_need_approval", NEW."needs_approval", NEW."needs_simulation", NEW."one_model_per_plan", _pgh_attach_context(), NOW(), \'update\', NEW."id"); RETURN NULL;', hash='65920f948b39890aa8153db1d4703ba50952d060', operation='UPDATE', pgid='pgtrigger_update_update_d49c0', table='plans_publishingrule', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='publishingrule',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_publishingruleevent" ("id", "migrations_need_approval", "needs_approval", "needs_simulation", "one_model_per_plan", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (OLD."id", OLD."migrations_need_approval", OLD."needs_approval", OLD."needs_simulation", OLD."one_model_per_plan", _pgh_attach_context(), NOW(), \'delete\', OLD."id"); RETURN NULL;', hash='126e6b1e268fb9bde0c2e1f73de320174c6b5a08', operation='DELETE', pgid='pgtrigger_delete_delete_56aca', table='plans_publishingrule', when='AFTER')),
        ),
        migrations.AddField(
            model_name='publishingruleevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='publishingruleevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.publishingrule'),
        ),
        migrations.AddField(
            model_name='rate',
            name='price',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rates', to='plans.price'),
        ),
        migrations.AddField(
            model_name='rateevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='rateevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.rate'),
        ),
        migrations.AddField(
            model_name='rateevent',
            name='price',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.price'),
        ),
        migrations.AddField(
            model_name='rehearsal',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rehearsals', to='plans.planversion'),
        ),
        migrations.AddField(
            model_name='rehearsalevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='rehearsalevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.rehearsal'),
        ),
        migrations.AddField(
            model_name='rehearsalevent',
            name='version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.planversion'),
        ),
        migrations.AddField(
            model_name='tier',
            name='rate',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tiers', to='plans.rate'),
        ),
        migrations.AddField(
            model_name='tierevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='tierevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.tier'),
        ),
        migrations.AddField(
            model_name='tierevent',
            name='rate',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.rate'),
        ),
        migrations.AddField(
            model_name='unitcost',
            name='meter',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='unit_costs', to='plans.meter'),
        ),
        migrations.AddField(
            model_name='unitcostevent',
            name='meter',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.meter'),
        ),
        migrations.AddField(
            model_name='unitcostevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='unitcostevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='plans.unitcost'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='couponevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='f000785b0b8f1e1a57e41afdbfda54d9fc029b55', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_097dd', table='plans_couponevent', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='bonusslabevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='a574fd04e84d738828af62b8ad6db7beaf727990', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_59582', table='plans_bonusslabevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='bonusslab',
            constraint=models.UniqueConstraint(fields=('pack', 'least'), name='slab_begins_once'),
        ),
        migrations.AddConstraint(
            model_name='bonusslab',
            constraint=models.CheckConstraint(condition=models.Q(('least__gte', 0), ('least__lte', 1000000000000)), name='slab_begins_at_a_finite_number'),
        ),
        migrations.AddConstraint(
            model_name='bonusslab',
            constraint=models.CheckConstraint(condition=models.Q(('units__gte', 0), ('units__lte', 1000000000000)), name='bonus_units_are_finite'),
        ),
        migrations.AddConstraint(
            model_name='bonusslab',
            constraint=models.CheckConstraint(condition=models.Q(('percent__gte', 0), ('percent__lte', 1000)), name='bonus_is_0_to_1000_percent'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='bonusslab',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_bonusslabevent" ("id", "least", "pack_id", "percent", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "units") VALUES (NEW."id", NEW."least", NEW."pack_id", NEW."percent", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."units"); RETURN NULL;', hash='801d82d1331d94175f535554c1dddeffdf8bfa7c', operation='INSERT', pgid='pgtrigger_insert_insert_39843', table='plans_bonusslab', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='bonusslab',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_bonusslabevent" ("id", "least", "pack_id", "percent", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "units") VALUES (NEW."id", NEW."least", NEW."pack_id", NEW."percent", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."units"); RETURN NULL;', hash='c98c33674d18dacc4f17188d23b7f30185519c78', operation='UPDATE', pgid='pgtrigger_update_update_468d7', table='plans_bonusslab', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='bonusslab',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_bonusslabevent" ("id", "least", "pack_id", "percent", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "units") VALUES (OLD."id", OLD."least", OLD."pack_id", OLD."percent", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."units"); RETURN NULL;', hash='a1fd3ca6a1d6e17fc8ff2aef4685a5b9b4a65fc9', operation='DELETE', pgid='pgtrigger_delete_delete_8db39', table='plans_bonusslab', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='creditpackevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='3059705a4d6051495f205e750778e651e250130b', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_91f42', table='plans_creditpackevent', when='BEFORE')),
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
            constraint=models.CheckConstraint(condition=models.Q(('when_unreachable__in', ['open', 'closed'])), name='feature_fails_open_or_closed'),
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
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_featureevent" ("code", "created_at", "id", "kind", "meter_id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "when_unreachable") VALUES (NEW."code", NEW."created_at", NEW."id", NEW."kind", NEW."meter_id", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."when_unreachable"); RETURN NULL;', hash='ae0b8e01b675fb59fa94476cce3fc284ab3a540c', operation='INSERT', pgid='pgtrigger_insert_insert_11d91', table='plans_feature', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='feature',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_featureevent" ("code", "created_at", "id", "kind", "meter_id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "when_unreachable") VALUES (NEW."code", NEW."created_at", NEW."id", NEW."kind", NEW."meter_id", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."when_unreachable"); RETURN NULL;', hash='a3ca11c836b5a0ea5acbf088c61e5fd4ac5196dc', operation='UPDATE', pgid='pgtrigger_update_update_f1497', table='plans_feature', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='feature',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_featureevent" ("code", "created_at", "id", "kind", "meter_id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "when_unreachable") VALUES (OLD."code", OLD."created_at", OLD."id", OLD."kind", OLD."meter_id", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."when_unreachable"); RETURN NULL;', hash='e4af970e646d4148deb8f25e485576db61bd3a72', operation='DELETE', pgid='pgtrigger_delete_delete_a7e04', table='plans_feature', when='AFTER')),
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
            trigger=pgtrigger.compiler.Trigger(name='meter_in_use_keeps_its_meaning', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE used bigint;', func="\n            IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY['id']) = (to_jsonb(OLD) - ARRAY['id']) THEN\n                RETURN NEW;\n            END IF;\n            IF TG_OP = 'INSERT' THEN used := (NEW.meter_id);\n            ELSE used := (OLD.meter_id);\n            END IF;\n            IF EXISTS (\n                SELECT 1 FROM plans_planfeature pf\n                JOIN plans_feature f ON f.id = pf.feature_id\n                JOIN plans_planversion v ON v.id = pf.version_id\n                WHERE f.meter_id = used AND (v.state NOT IN ('draft', 'review') OR v.tried_at IS NOT NULL)\n            ) THEN\n                RAISE EXCEPTION 'meter_in_use_keeps_its_meaning: a published version prices it; create a new meter'\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='43881564cfa9edf433d2b2224f8d53d02f5f66c8', operation='UPDATE OR DELETE OR INSERT', pgid='pgtrigger_meter_in_use_keeps_its_meaning_7b419', table='plans_meterreading', when='BEFORE')),
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
        migrations.AddConstraint(
            model_name='packprice',
            constraint=models.UniqueConstraint(fields=('pack', 'currency'), name='pack_has_one_price_in_a_currency'),
        ),
        migrations.AddConstraint(
            model_name='packprice',
            constraint=models.CheckConstraint(condition=models.Q(('price__gt', 0), ('price__lte', Decimal('1E+12'))), name='pack_price_is_above_zero'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='packprice',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_packpriceevent" ("currency", "id", "pack_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "price") VALUES (NEW."currency", NEW."id", NEW."pack_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."price"); RETURN NULL;', hash='52550f3ba6cca109fb8e11af32b57945ca3b546b', operation='INSERT', pgid='pgtrigger_insert_insert_720a3', table='plans_packprice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='packprice',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_packpriceevent" ("currency", "id", "pack_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "price") VALUES (NEW."currency", NEW."id", NEW."pack_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."price"); RETURN NULL;', hash='e2574d0e0a6bd499f1e54acea71a24a3eb8618f9', operation='UPDATE', pgid='pgtrigger_update_update_87659', table='plans_packprice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='packprice',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_packpriceevent" ("currency", "id", "pack_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "price") VALUES (OLD."currency", OLD."id", OLD."pack_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."price"); RETURN NULL;', hash='f230946e5c9f373274c103efb2743682d54cdd6e', operation='DELETE', pgid='pgtrigger_delete_delete_14434', table='plans_packprice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='packpriceevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='d00dd6e53c737c60b8d900d6daffb5ff2744c633', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_f983f', table='plans_packpriceevent', when='BEFORE')),
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
            constraint=models.CheckConstraint(condition=models.Q(('trial_days__gte', 0), ('trial_days__lte', 730)), name='version_trial_is_0_to_730_days'),
        ),
        migrations.AddConstraint(
            model_name='planversion',
            constraint=models.CheckConstraint(condition=models.Q(('trial_usage__in', ['free', 'billed'])), name='version_trial_usage_is_known'),
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
            trigger=pgtrigger.compiler.Trigger(name='published_version_changes_only_its_state', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF TG_OP = 'DELETE' THEN\n                IF OLD.state IN ('draft', 'review') AND OLD.tried_at IS NULL THEN RETURN OLD; END IF;\n                RAISE EXCEPTION 'published_version_changes_only_its_state: a published version is never deleted'\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF OLD.tried_at IS NOT NULL AND NEW.tried_at IS DISTINCT FROM OLD.tried_at THEN\n                RAISE EXCEPTION 'tried_version_is_frozen: it stays as sandbox customers have it'\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF OLD.state = 'draft' AND OLD.tried_at IS NULL THEN RETURN NEW; END IF;\n            IF OLD.state IN ('draft', 'review') THEN\n                IF to_jsonb(NEW) - (ARRAY['state', 'effective_from', 'effective_to', 'published_at', 'published_by_id', 'tried_at'] || ARRAY['audience']) IS DISTINCT FROM to_jsonb(OLD) - (ARRAY['state', 'effective_from', 'effective_to', 'published_at', 'published_by_id', 'tried_at'] || ARRAY['audience']) THEN\n                    RAISE EXCEPTION 'version_in_review_is_frozen: what is reviewed or tried stays as it is'\n                    USING ERRCODE = 'restrict_violation';\n                END IF;\n                RETURN NEW;\n            END IF;\n            IF (to_jsonb(NEW) - ARRAY['state', 'effective_from', 'effective_to', 'published_at', 'published_by_id', 'tried_at']) IS DISTINCT FROM (to_jsonb(OLD) - ARRAY['state', 'effective_from', 'effective_to', 'published_at', 'published_by_id', 'tried_at'])\n               OR (OLD.state, NEW.state) NOT IN (\n                    ('scheduled', 'scheduled'), ('scheduled', 'draft'), ('scheduled', 'live'),\n                    ('live', 'live'), ('live', 'retired'), ('retired', 'retired'))\n               OR (OLD.state IN ('live', 'retired') AND NEW.effective_from IS DISTINCT FROM OLD.effective_from)\n               OR (OLD.state = 'retired' AND NEW.effective_to IS DISTINCT FROM OLD.effective_to) THEN\n                RAISE EXCEPTION 'published_version_changes_only_its_state: start a new version from it instead'\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NEW;\n        ", hash='eb7d392a02e4f5b74f7dea33273913f9eb8d0a63', operation='UPDATE OR DELETE', pgid='pgtrigger_published_version_changes_only_its_state_38f77', table='plans_planversion', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planversion',
            trigger=pgtrigger.compiler.Trigger(name='publication_is_approved', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE former text;', func="\n            former := 'draft';\n            IF TG_OP = 'UPDATE' THEN former := OLD.state; END IF;\n            IF former IN ('draft', 'review') AND NEW.state NOT IN ('draft', 'review')\n                AND (SELECT needs_approval FROM plans_publishingrule)\n                AND (former <> 'review' OR NOT EXISTS (\n                    SELECT FROM plans_changerequest r WHERE r.version_id = NEW.id AND r.state = 'approved'\n                        AND r.decided_by_id <> r.asked_by_id)) THEN\n                RAISE EXCEPTION 'publication_is_approved: a second person has to approve it first'\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NEW;\n        ", hash='95a8b3c90f33ab73c5809107c9cda07a81755872', operation='INSERT OR UPDATE', pgid='pgtrigger_publication_is_approved_67112', table='plans_planversion', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planversion',
            trigger=pgtrigger.compiler.Trigger(name='review_ends', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."state" = \'draft\' AND NOT (OLD."state" = \'draft\'))', func="\n            UPDATE plans_changerequest SET state = 'withdrawn', decided_at = coalesce(decided_at, now())\n            WHERE version_id = NEW.id AND state IN ('waiting', 'approved');\n            RETURN NULL;\n        ", hash='e3fcb6e6c382ed9af758aa8972887521deaa74fd', operation='UPDATE', pgid='pgtrigger_review_ends_3b932', table='plans_planversion', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planversion',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_planversionevent" ("anchor", "audience", "copied_from_id", "created_at", "effective_from", "effective_to", "id", "interval_count", "interval_unit", "note", "number", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "proration", "published_at", "published_by_id", "state", "trial_days", "trial_usage", "tried_at") VALUES (NEW."anchor", NEW."audience", NEW."copied_from_id", NEW."created_at", NEW."effective_from", NEW."effective_to", NEW."id", NEW."interval_count", NEW."interval_unit", NEW."note", NEW."number", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."plan_id", NEW."proration", NEW."published_at", NEW."published_by_id", NEW."state", NEW."trial_days", NEW."trial_usage", NEW."tried_at"); RETURN NULL;', hash='28b6528bdbaec50407dbe3b1c28dcdf19e0f060c', operation='INSERT', pgid='pgtrigger_insert_insert_5b865', table='plans_planversion', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planversion',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_planversionevent" ("anchor", "audience", "copied_from_id", "created_at", "effective_from", "effective_to", "id", "interval_count", "interval_unit", "note", "number", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "proration", "published_at", "published_by_id", "state", "trial_days", "trial_usage", "tried_at") VALUES (NEW."anchor", NEW."audience", NEW."copied_from_id", NEW."created_at", NEW."effective_from", NEW."effective_to", NEW."id", NEW."interval_count", NEW."interval_unit", NEW."note", NEW."number", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."plan_id", NEW."proration", NEW."published_at", NEW."published_by_id", NEW."state", NEW."trial_days", NEW."trial_usage", NEW."tried_at"); RETURN NULL;', hash='d848afae6fe5fcf7afaac90ccce98a0edbf6c146', operation='UPDATE', pgid='pgtrigger_update_update_af5e4', table='plans_planversion', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planversion',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_planversionevent" ("anchor", "audience", "copied_from_id", "created_at", "effective_from", "effective_to", "id", "interval_count", "interval_unit", "note", "number", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "proration", "published_at", "published_by_id", "state", "trial_days", "trial_usage", "tried_at") VALUES (OLD."anchor", OLD."audience", OLD."copied_from_id", OLD."created_at", OLD."effective_from", OLD."effective_to", OLD."id", OLD."interval_count", OLD."interval_unit", OLD."note", OLD."number", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."plan_id", OLD."proration", OLD."published_at", OLD."published_by_id", OLD."state", OLD."trial_days", OLD."trial_usage", OLD."tried_at"); RETURN NULL;', hash='41c58d289c0b56621a24d949783daf277acdb5bf', operation='DELETE', pgid='pgtrigger_delete_delete_19ce8', table='plans_planversion', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planfeatureevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='d723f80c79c76af7282cd294d42fb8234baa0d93', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_ad1f0', table='plans_planfeatureevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='planfeature',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('unlocked_at', 0), ('unlocked_by', ''), ('unlocked_with', '')), models.Q(('unlocked_at__gt', 0), ('unlocked_by__in', ('usage', 'usage_ever')), models.Q(('unlocked_with', ''), _negated=True)), models.Q(('unlocked_at__gt', 0), ('unlocked_by__in', ('spend', 'spend_ever')), ('unlocked_with', '')), _connector='OR'), name='feature_opens_by_something_that_can_be_reached'),
        ),
        migrations.AddConstraint(
            model_name='planfeature',
            constraint=models.CheckConstraint(condition=models.Q(('unlocked_at__gte', 0), ('unlocked_at__lte', Decimal('1E+12'))), name='unlock_threshold_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='planfeature',
            constraint=models.UniqueConstraint(fields=('version', 'feature'), name='feature_has_one_consumption_model'),
        ),
        migrations.AddConstraint(
            model_name='planfeature',
            constraint=models.CheckConstraint(condition=models.Q(('at_zero__in', ['block', 'overage', 'grace'])), name='rule_at_zero_is_known'),
        ),
        migrations.AddConstraint(
            model_name='planfeature',
            constraint=models.CheckConstraint(condition=models.Q(('grace__gte', 0), ('grace__lte', Decimal('1E+12'))), name='grace_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='planfeature',
            constraint=models.CheckConstraint(condition=models.Q(('consumption__in', ('credits', 'balance')), ('at_zero', 'block'), _connector='OR'), name='only_a_wallet_comes_to_zero'),
        ),
        migrations.AddConstraint(
            model_name='planfeature',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('at_zero', 'grace'), ('grace__gt', 0)), models.Q(models.Q(('at_zero', 'grace'), _negated=True), ('grace', 0)), _connector='OR'), name='grace_has_a_limit'),
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
            trigger=pgtrigger.compiler.Trigger(name='published_version_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE frozen text;', func="\n            IF TG_OP <> 'INSERT' THEN\n                SELECT CASE WHEN v.state <> 'draft' OR v.tried_at IS NOT NULL THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (OLD.version_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NULL AND TG_OP <> 'DELETE' THEN\n                SELECT CASE WHEN v.state <> 'draft' OR v.tried_at IS NOT NULL THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (NEW.version_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NOT NULL THEN\n                RAISE EXCEPTION 'published_version_is_frozen: % is not edited any more; start a new version', frozen\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='896a1802bac8a66cc7b68a3c7479868790fa1f70', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_published_version_is_frozen_97e8f', table='plans_planfeature', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planfeature',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_planfeatureevent" ("at_zero", "consumption", "feature_id", "grace", "id", "included", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "static_value", "unlocked_at", "unlocked_by", "unlocked_with", "version_id") VALUES (NEW."at_zero", NEW."consumption", NEW."feature_id", NEW."grace", NEW."id", NEW."included", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."position", NEW."static_value", NEW."unlocked_at", NEW."unlocked_by", NEW."unlocked_with", NEW."version_id"); RETURN NULL;', hash='c906320124017c54669b428a882ab5f0fb6b2e6a', operation='INSERT', pgid='pgtrigger_insert_insert_81dd6', table='plans_planfeature', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planfeature',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_planfeatureevent" ("at_zero", "consumption", "feature_id", "grace", "id", "included", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "static_value", "unlocked_at", "unlocked_by", "unlocked_with", "version_id") VALUES (NEW."at_zero", NEW."consumption", NEW."feature_id", NEW."grace", NEW."id", NEW."included", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."position", NEW."static_value", NEW."unlocked_at", NEW."unlocked_by", NEW."unlocked_with", NEW."version_id"); RETURN NULL;', hash='875fef45fd9ea801e4e7ccfbad241a569879f269', operation='UPDATE', pgid='pgtrigger_update_update_f3c25', table='plans_planfeature', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planfeature',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_planfeatureevent" ("at_zero", "consumption", "feature_id", "grace", "id", "included", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "static_value", "unlocked_at", "unlocked_by", "unlocked_with", "version_id") VALUES (OLD."at_zero", OLD."consumption", OLD."feature_id", OLD."grace", OLD."id", OLD."included", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."position", OLD."static_value", OLD."unlocked_at", OLD."unlocked_by", OLD."unlocked_with", OLD."version_id"); RETURN NULL;', hash='326d73351d248d89749810d992e366691d2fa1b5', operation='DELETE', pgid='pgtrigger_delete_delete_8e5d6', table='plans_planfeature', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='includedcreditsevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='46de542e09f806df42d7346da664718b3934ab75', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_39037', table='plans_includedcreditsevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='includedcredits',
            constraint=models.UniqueConstraint(fields=('version', 'code', 'unit'), name='included_credits_are_listed_once'),
        ),
        migrations.AddConstraint(
            model_name='includedcredits',
            constraint=models.CheckConstraint(condition=models.Q(('unit', 'credits'), ('unit__regex', '^[A-Z]{3}$'), _connector='OR'), name='included_unit_is_credits_or_a_currency'),
        ),
        migrations.AddConstraint(
            model_name='includedcredits',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('amount__lte', Decimal('1E+12'))), name='included_amount_is_positive_and_finite'),
        ),
        migrations.AddConstraint(
            model_name='includedcredits',
            constraint=models.CheckConstraint(condition=models.Q(('every__in', ['period', 'month', 'once'])), name='included_credits_come_at_a_known_time'),
        ),
        migrations.AddConstraint(
            model_name='includedcredits',
            constraint=models.CheckConstraint(condition=models.Q(('lasts__in', ['period', 'days', 'ever'])), name='included_credits_last_for_a_known_time'),
        ),
        migrations.AddConstraint(
            model_name='includedcredits',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('days__gte', 1), ('days__isnull', False), ('days__lte', 3650), ('lasts', 'days')), models.Q(models.Q(('lasts', 'days'), _negated=True), ('days__isnull', True)), _connector='OR'), name='only_what_lasts_for_days_has_a_number_of_them'),
        ),
        migrations.AddConstraint(
            model_name='includedcredits',
            constraint=models.CheckConstraint(condition=models.Q(('rolls_over__gte', 0), ('rolls_over__lte', 36)), name='included_credits_roll_over_0_to_36_times'),
        ),
        migrations.AddConstraint(
            model_name='includedcredits',
            constraint=models.CheckConstraint(condition=models.Q(('rolls_over', 0), models.Q(('lasts', 'ever'), _negated=True), _connector='OR'), name='included_credits_that_last_do_not_roll_over'),
        ),
        migrations.AddConstraint(
            model_name='includedcredits',
            constraint=models.CheckConstraint(condition=models.Q(('rollover_most__isnull', True), models.Q(('rollover_most__gt', 0), ('rollover_most__lte', Decimal('1E+12')), ('rolls_over__gt', 0)), _connector='OR'), name='rollover_has_a_bound_only_where_there_is_one'),
        ),
        migrations.AddConstraint(
            model_name='includedcredits',
            constraint=models.CheckConstraint(condition=models.Q(('priority__gte', 0), ('priority__lte', 1000)), name='included_priority_is_0_to_1000'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='includedcredits',
            trigger=pgtrigger.compiler.Trigger(name='published_version_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE frozen text;', func="\n            IF TG_OP <> 'INSERT' THEN\n                SELECT CASE WHEN v.state <> 'draft' OR v.tried_at IS NOT NULL THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (OLD.version_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NULL AND TG_OP <> 'DELETE' THEN\n                SELECT CASE WHEN v.state <> 'draft' OR v.tried_at IS NOT NULL THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (NEW.version_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NOT NULL THEN\n                RAISE EXCEPTION 'published_version_is_frozen: % is not edited any more; start a new version', frozen\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='fcf4b5710949dc47af571d7b5e2ed6f98b2f87bc', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_published_version_is_frozen_24688', table='plans_includedcredits', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='includedcredits',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_includedcreditsevent" ("amount", "code", "days", "every", "features", "id", "in_trial", "lasts", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "priority", "rollover_most", "rolls_over", "unit", "version_id") VALUES (NEW."amount", NEW."code", NEW."days", NEW."every", NEW."features", NEW."id", NEW."in_trial", NEW."lasts", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."priority", NEW."rollover_most", NEW."rolls_over", NEW."unit", NEW."version_id"); RETURN NULL;', hash='0cbc3a05300b79cdb1277ae1f9526f9c192bf09d', operation='INSERT', pgid='pgtrigger_insert_insert_865de', table='plans_includedcredits', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='includedcredits',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_includedcreditsevent" ("amount", "code", "days", "every", "features", "id", "in_trial", "lasts", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "priority", "rollover_most", "rolls_over", "unit", "version_id") VALUES (NEW."amount", NEW."code", NEW."days", NEW."every", NEW."features", NEW."id", NEW."in_trial", NEW."lasts", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."priority", NEW."rollover_most", NEW."rolls_over", NEW."unit", NEW."version_id"); RETURN NULL;', hash='a2912cac2bfb3994b47205327a7ca1dec96bbaa1', operation='UPDATE', pgid='pgtrigger_update_update_877c2', table='plans_includedcredits', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='includedcredits',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_includedcreditsevent" ("amount", "code", "days", "every", "features", "id", "in_trial", "lasts", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "priority", "rollover_most", "rolls_over", "unit", "version_id") VALUES (OLD."amount", OLD."code", OLD."days", OLD."every", OLD."features", OLD."id", OLD."in_trial", OLD."lasts", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."priority", OLD."rollover_most", OLD."rolls_over", OLD."unit", OLD."version_id"); RETURN NULL;', hash='f1d3e0c05a2cae41cd1473d5955d955ec282f610', operation='DELETE', pgid='pgtrigger_delete_delete_5f506', table='plans_includedcredits', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='feeevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='29b202b2ac233059bdef5d41270ec9038b51dac2', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_8d7e6', table='plans_feeevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='fee',
            constraint=models.UniqueConstraint(fields=('version', 'code', 'currency'), name='fee_is_listed_once_per_currency'),
        ),
        migrations.AddConstraint(
            model_name='fee',
            constraint=models.CheckConstraint(condition=models.Q(('code', ''), _negated=True), name='fee_has_a_code'),
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
        migrations.AddConstraint(
            model_name='fee',
            constraint=models.CheckConstraint(condition=models.Q(('basis__in', ['fixed', 'seat', 'add_on'])), name='fee_basis_is_known'),
        ),
        migrations.AddConstraint(
            model_name='fee',
            constraint=models.CheckConstraint(condition=models.Q(('included__gte', 0), ('included__lte', 1000000)), name='included_seats_are_finite'),
        ),
        migrations.AddConstraint(
            model_name='fee',
            constraint=models.CheckConstraint(condition=models.Q(('least__gte', 0), ('least__lte', 1000000)), name='least_held_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='fee',
            constraint=models.CheckConstraint(condition=models.Q(('most__gte', 1), ('most__lte', 1000000)), name='most_held_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='fee',
            constraint=models.CheckConstraint(condition=models.Q(('most__isnull', True), ('most__gte', models.F('least')), _connector='OR'), name='most_held_is_not_below_the_least'),
        ),
        migrations.AddConstraint(
            model_name='fee',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('basis', 'fixed'), _negated=True), models.Q(('included', 0), ('least', 0), ('most__isnull', True)), _connector='OR'), name='only_what_is_held_has_numbers'),
        ),
        migrations.AddConstraint(
            model_name='fee',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('basis', 'add_on'), _negated=True), ('least', 0), _connector='OR'), name='an_add_on_is_optional'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fee',
            trigger=pgtrigger.compiler.Trigger(name='published_version_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE frozen text;', func="\n            IF TG_OP <> 'INSERT' THEN\n                SELECT CASE WHEN v.state <> 'draft' OR v.tried_at IS NOT NULL THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (OLD.version_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NULL AND TG_OP <> 'DELETE' THEN\n                SELECT CASE WHEN v.state <> 'draft' OR v.tried_at IS NOT NULL THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (NEW.version_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NOT NULL THEN\n                RAISE EXCEPTION 'published_version_is_frozen: % is not edited any more; start a new version', frozen\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='c49921c4ba188904648adaa6e4c570e165f91826', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_published_version_is_frozen_4567c', table='plans_fee', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fee',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_feeevent" ("amount", "basis", "billed", "code", "currency", "id", "included", "kind", "label", "least", "most", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "version_id") VALUES (NEW."amount", NEW."basis", NEW."billed", NEW."code", NEW."currency", NEW."id", NEW."included", NEW."kind", NEW."label", NEW."least", NEW."most", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."position", NEW."version_id"); RETURN NULL;', hash='59dd6dbaa2f9d15e05cd3f64c7da75fdbefcc58e', operation='INSERT', pgid='pgtrigger_insert_insert_ed30c', table='plans_fee', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fee',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_feeevent" ("amount", "basis", "billed", "code", "currency", "id", "included", "kind", "label", "least", "most", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "version_id") VALUES (NEW."amount", NEW."basis", NEW."billed", NEW."code", NEW."currency", NEW."id", NEW."included", NEW."kind", NEW."label", NEW."least", NEW."most", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."position", NEW."version_id"); RETURN NULL;', hash='f80d039becdf2ab89885cf09ef4f2dbc66f982b9', operation='UPDATE', pgid='pgtrigger_update_update_f6fd7', table='plans_fee', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fee',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_feeevent" ("amount", "basis", "billed", "code", "currency", "id", "included", "kind", "label", "least", "most", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "version_id") VALUES (OLD."amount", OLD."basis", OLD."billed", OLD."code", OLD."currency", OLD."id", OLD."included", OLD."kind", OLD."label", OLD."least", OLD."most", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."position", OLD."version_id"); RETURN NULL;', hash='e99e2319afa68d89bcf85928ba39a0358f78ba14', operation='DELETE', pgid='pgtrigger_delete_delete_411a7', table='plans_fee', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='commitmentevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='dfb712e026506bd5186285eb0320d428a0f16857', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_ae71b', table='plans_commitmentevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='commitment',
            constraint=models.CheckConstraint(condition=models.Q(('minimum__gte', 0), ('minimum__lte', Decimal('1E+12'))), name='commitment_minimum_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='commitment',
            constraint=models.CheckConstraint(condition=models.Q(('periods__gte', 1), ('periods__lte', 120)), name='commitment_lasts_1_to_120_periods'),
        ),
        migrations.AddConstraint(
            model_name='commitment',
            constraint=models.CheckConstraint(condition=models.Q(('overage_factor__gte', 0), ('overage_factor__lte', Decimal('100'))), name='commitment_factor_is_0_to_100'),
        ),
        migrations.AddConstraint(
            model_name='commitment',
            constraint=models.CheckConstraint(condition=models.Q(('discount__gte', 0), ('discount__lte', 100)), name='commitment_discount_is_0_to_100_percent'),
        ),
        migrations.AddConstraint(
            model_name='commitment',
            constraint=models.UniqueConstraint(fields=('version', 'currency'), name='version_has_one_commitment_per_currency'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='commitment',
            trigger=pgtrigger.compiler.Trigger(name='published_version_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE frozen text;', func="\n            IF TG_OP <> 'INSERT' THEN\n                SELECT CASE WHEN v.state <> 'draft' OR v.tried_at IS NOT NULL THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (OLD.version_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NULL AND TG_OP <> 'DELETE' THEN\n                SELECT CASE WHEN v.state <> 'draft' OR v.tried_at IS NOT NULL THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (NEW.version_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NOT NULL THEN\n                RAISE EXCEPTION 'published_version_is_frozen: % is not edited any more; start a new version', frozen\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='096eb89fc9155bfa62abab3ff4f6d8bf342369fb', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_published_version_is_frozen_0d8fe', table='plans_commitment', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='commitment',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_commitmentevent" ("currency", "discount", "id", "minimum", "overage_factor", "periods", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "trues_up", "version_id") VALUES (NEW."currency", NEW."discount", NEW."id", NEW."minimum", NEW."overage_factor", NEW."periods", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."trues_up", NEW."version_id"); RETURN NULL;', hash='5aad42bdbd06e5170bdf7a6a6b0f95a481d801d2', operation='INSERT', pgid='pgtrigger_insert_insert_02b92', table='plans_commitment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='commitment',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_commitmentevent" ("currency", "discount", "id", "minimum", "overage_factor", "periods", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "trues_up", "version_id") VALUES (NEW."currency", NEW."discount", NEW."id", NEW."minimum", NEW."overage_factor", NEW."periods", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."trues_up", NEW."version_id"); RETURN NULL;', hash='fb727e447048b0af8f33012f42003f92ba809d0e', operation='UPDATE', pgid='pgtrigger_update_update_10176', table='plans_commitment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='commitment',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_commitmentevent" ("currency", "discount", "id", "minimum", "overage_factor", "periods", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "trues_up", "version_id") VALUES (OLD."currency", OLD."discount", OLD."id", OLD."minimum", OLD."overage_factor", OLD."periods", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."trues_up", OLD."version_id"); RETURN NULL;', hash='a4628e005508874094dd4f9e6ef7f055b7352afc', operation='DELETE', pgid='pgtrigger_delete_delete_84fc8', table='plans_commitment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='changerequestevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='4b88ee0f885413c711fb4e48d6f8e1c20a7daae1', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_f93f7', table='plans_changerequestevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='changerequest',
            constraint=models.CheckConstraint(condition=models.Q(('content__regex', '^[0-9a-f]{64}$')), name='request_names_its_content'),
        ),
        migrations.AddConstraint(
            model_name='changerequest',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('decided_by__isnull', True), ('state', 'waiting')), models.Q(('decided_at__isnull', False), ('state', 'withdrawn')), models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('state__in', ['approved', 'declined'])), _connector='OR'), name='decided_request_says_by_whom'),
        ),
        migrations.AddConstraint(
            model_name='changerequest',
            constraint=models.CheckConstraint(condition=models.Q(('decided_by__isnull', True), models.Q(('decided_by', models.F('asked_by')), _negated=True), _connector='OR'), name='nobody_approves_their_own'),
        ),
        migrations.AddConstraint(
            model_name='changerequest',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['waiting', 'approved'])), fields=('version',), name='version_has_one_open_request'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='changerequest',
            trigger=pgtrigger.compiler.Trigger(name='request_is_decided_once', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE stage text;', func="\n            IF TG_OP <> 'DELETE' THEN\n                SELECT state INTO stage FROM plans_planversion WHERE id = NEW.version_id FOR SHARE;\n                IF TG_OP = 'INSERT' AND NEW.state = 'waiting' AND stage = 'review' THEN RETURN NEW; END IF;\n                IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY['state', 'decided_by_id', 'decided_at', 'decision'])\n                    = (to_jsonb(OLD) - ARRAY['state', 'decided_by_id', 'decided_at', 'decision'])\n                    AND ((OLD.state = 'waiting' AND (NEW.state IN ('declined', 'withdrawn')\n                            OR (NEW.state = 'approved' AND stage = 'review')))\n                        OR (OLD.state = 'approved' AND NEW.state = 'withdrawn')) THEN\n                    RETURN NEW;\n                END IF;\n            END IF;\n            RAISE EXCEPTION 'request_is_decided_once: ask for what is in review; what was decided stays'\n            USING ERRCODE = 'restrict_violation';\n        ", hash='fa14b1cf58fe6698ae42c55a18ac23c720c9bb37', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_request_is_decided_once_b6d1c', table='plans_changerequest', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='changerequest',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_changerequestevent" ("advice", "asked_at", "asked_by_id", "content", "decided_at", "decided_by_id", "decision", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "state", "version_id") VALUES (NEW."advice", NEW."asked_at", NEW."asked_by_id", NEW."content", NEW."decided_at", NEW."decided_by_id", NEW."decision", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."reason", NEW."state", NEW."version_id"); RETURN NULL;', hash='6af132801940e4b0249f4551749ab66925d21f17', operation='INSERT', pgid='pgtrigger_insert_insert_8d853', table='plans_changerequest', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='changerequest',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_changerequestevent" ("advice", "asked_at", "asked_by_id", "content", "decided_at", "decided_by_id", "decision", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "state", "version_id") VALUES (NEW."advice", NEW."asked_at", NEW."asked_by_id", NEW."content", NEW."decided_at", NEW."decided_by_id", NEW."decision", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."reason", NEW."state", NEW."version_id"); RETURN NULL;', hash='78de164e8e856c95a97b968296695998a5830742', operation='UPDATE', pgid='pgtrigger_update_update_1995b', table='plans_changerequest', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='changerequest',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_changerequestevent" ("advice", "asked_at", "asked_by_id", "content", "decided_at", "decided_by_id", "decision", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "state", "version_id") VALUES (OLD."advice", OLD."asked_at", OLD."asked_by_id", OLD."content", OLD."decided_at", OLD."decided_by_id", OLD."decision", OLD."id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."reason", OLD."state", OLD."version_id"); RETURN NULL;', hash='75ef47c92a187cec5c135f1996442a1f37b1b627', operation='DELETE', pgid='pgtrigger_delete_delete_39b28', table='plans_changerequest', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planversionevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='90ce489c852ce3d19f4ee55fdb92c8ff403808d6', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_478db', table='plans_planversionevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.UniqueConstraint(fields=('plan_feature', 'currency'), name='feature_has_one_price_per_currency'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('minimum__gte', 0), ('minimum__lte', Decimal('1E+12'))), name='price_minimum_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('maximum__gte', 0), ('maximum__lte', Decimal('1E+12'))), name='price_maximum_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('resets_every__gte', 1), ('resets_every__lte', 120)), name='price_resets_every_1_to_120'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('resets_unit', ''), ('resets_unit__in', ['day', 'week', 'month', 'quarter', 'year']), _connector='OR'), name='price_reset_is_known'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('minimum__isnull', True), ('maximum__isnull', True), ('minimum__lte', models.F('maximum')), _connector='OR'), name='price_minimum_is_below_its_maximum'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='price',
            trigger=pgtrigger.compiler.Trigger(name='published_version_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE frozen text;', func="\n            IF TG_OP <> 'INSERT' THEN\n                SELECT CASE WHEN v.state <> 'draft' OR v.tried_at IS NOT NULL THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (SELECT version_id FROM plans_planfeature WHERE id = OLD.plan_feature_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NULL AND TG_OP <> 'DELETE' THEN\n                SELECT CASE WHEN v.state <> 'draft' OR v.tried_at IS NOT NULL THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (SELECT version_id FROM plans_planfeature WHERE id = NEW.plan_feature_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NOT NULL THEN\n                RAISE EXCEPTION 'published_version_is_frozen: % is not edited any more; start a new version', frozen\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='19cf70aa270f1e5c1d82fab0058a9c1da1861403', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_published_version_is_frozen_51ec6', table='plans_price', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='price',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_priceevent" ("currency", "id", "maximum", "minimum", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_feature_id", "resets_every", "resets_unit") VALUES (NEW."currency", NEW."id", NEW."maximum", NEW."minimum", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."plan_feature_id", NEW."resets_every", NEW."resets_unit"); RETURN NULL;', hash='d8d661252ef5d3845708bd49663614cde5270eee', operation='INSERT', pgid='pgtrigger_insert_insert_12e6c', table='plans_price', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='price',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_priceevent" ("currency", "id", "maximum", "minimum", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_feature_id", "resets_every", "resets_unit") VALUES (NEW."currency", NEW."id", NEW."maximum", NEW."minimum", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."plan_feature_id", NEW."resets_every", NEW."resets_unit"); RETURN NULL;', hash='f7f6e1eacece3623667a473ce82d402bf4d56b20', operation='UPDATE', pgid='pgtrigger_update_update_b94e7', table='plans_price', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='price',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_priceevent" ("currency", "id", "maximum", "minimum", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_feature_id", "resets_every", "resets_unit") VALUES (OLD."currency", OLD."id", OLD."maximum", OLD."minimum", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."plan_feature_id", OLD."resets_every", OLD."resets_unit"); RETURN NULL;', hash='d091c7f7f870e78f3b81733cec15244f7dda8307', operation='DELETE', pgid='pgtrigger_delete_delete_6d335', table='plans_price', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='priceevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='c7bdeddd2415305ade3e15d03a0e8f8d96b23adf', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_2c4ef', table='plans_priceevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='promotion',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__isnull', True), ('ends_at__gt', models.F('starts_at')), _connector='OR'), name='promotion_ends_after_it_starts'),
        ),
        migrations.AddConstraint(
            model_name='promotion',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('coupon', '='), ('plan', '='), (models.Func('starts_at', 'ends_at', function='TSTZRANGE', output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField()), '&&')], name='coupon_is_promoted_once_at_a_time'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='promotion',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_promotionevent" ("coupon_id", "ends_at", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "starts_at") VALUES (NEW."coupon_id", NEW."ends_at", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."plan_id", NEW."starts_at"); RETURN NULL;', hash='95021cab0e5b61cc9c82925aff439098d530fc83', operation='INSERT', pgid='pgtrigger_insert_insert_e0b4b', table='plans_promotion', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='promotion',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_promotionevent" ("coupon_id", "ends_at", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "starts_at") VALUES (NEW."coupon_id", NEW."ends_at", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."plan_id", NEW."starts_at"); RETURN NULL;', hash='37949dd21ffec5863ed91ac7f68e39705ab9735b', operation='UPDATE', pgid='pgtrigger_update_update_508c3', table='plans_promotion', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='promotion',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_promotionevent" ("coupon_id", "ends_at", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "starts_at") VALUES (OLD."coupon_id", OLD."ends_at", OLD."id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."plan_id", OLD."starts_at"); RETURN NULL;', hash='f8540d2c02ef8a14a97aa549f20b311e68f9a17a', operation='DELETE', pgid='pgtrigger_delete_delete_686ed', table='plans_promotion', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='promotionevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='31865e5e05aa4d384626fa200a66e6c7db2d852f', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_314cc', table='plans_promotionevent', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='publishingruleevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='82d687f3c1c51dcd39b445b6132dbc52a6be982f', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_6b70d', table='plans_publishingruleevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.UniqueConstraint(fields=('price', 'match'), name='dimensions_match_one_rate'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(('model__in', ['flat', 'per_unit', 'package', 'graduated', 'volume', 'percentage', 'graduated_percentage', 'dynamic'])), name='charge_model_is_known'),
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
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('model__in', ('flat', 'per_unit', 'package')), ('unit_price__isnull', False)), models.Q(models.Q(('model__in', ('flat', 'per_unit', 'package')), _negated=True), ('unit_price__isnull', True)), _connector='OR'), name='rate_has_a_unit_price_or_tiers'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('model', 'percentage'), ('percent__isnull', False)), models.Q(models.Q(('model', 'percentage'), _negated=True), ('percent__isnull', True)), _connector='OR'), name='only_a_percentage_has_one'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(('percent__gte', 0), ('percent__lte', 1000)), name='rate_percent_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(('fixed_fee__gte', 0), ('fixed_fee__lte', Decimal('1E+12'))), name='fixed_fee_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(('free_events__gte', 0), ('free_events__lte', 1000000)), name='free_events_are_finite'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(('free_value__gte', 0), ('free_value__lte', Decimal('1E+50'))), name='free_value_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(('least_per_event__gte', 0), ('least_per_event__lte', Decimal('1E+12'))), name='least_per_event_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(('most_per_event__gte', 0), ('most_per_event__lte', Decimal('1E+12'))), name='most_per_event_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(('markup__gte', 0), ('markup__lte', 1000)), name='markup_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(('package_rounding__in', ['up', 'down'])), name='package_rounding_is_known'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(('cost_source__in', ['event', 'unit_cost'])), name='cost_source_is_known'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('model', 'package'), ('package_size__isnull', False)), models.Q(models.Q(('model', 'package'), _negated=True), ('package_size__isnull', True)), _connector='OR'), name='only_a_package_has_a_size'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rate',
            trigger=pgtrigger.compiler.Trigger(name='published_version_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE frozen text;', func="\n            IF TG_OP <> 'INSERT' THEN\n                SELECT CASE WHEN v.state <> 'draft' OR v.tried_at IS NOT NULL THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (SELECT pf.version_id FROM plans_price p JOIN plans_planfeature pf ON pf.id = p.plan_feature_id WHERE p.id = OLD.price_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NULL AND TG_OP <> 'DELETE' THEN\n                SELECT CASE WHEN v.state <> 'draft' OR v.tried_at IS NOT NULL THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (SELECT pf.version_id FROM plans_price p JOIN plans_planfeature pf ON pf.id = p.plan_feature_id WHERE p.id = NEW.price_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NOT NULL THEN\n                RAISE EXCEPTION 'published_version_is_frozen: % is not edited any more; start a new version', frozen\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='4885da4881db249951f9498baa3b930ac25f38c8', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_published_version_is_frozen_c5165', table='plans_rate', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rate',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_rateevent" ("cost_source", "fixed_fee", "free_events", "free_value", "id", "label", "least_per_event", "markup", "match", "model", "most_per_event", "package_rounding", "package_size", "percent", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "price_id", "unit_price") VALUES (NEW."cost_source", NEW."fixed_fee", NEW."free_events", NEW."free_value", NEW."id", NEW."label", NEW."least_per_event", NEW."markup", NEW."match", NEW."model", NEW."most_per_event", NEW."package_rounding", NEW."package_size", NEW."percent", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."position", NEW."price_id", NEW."unit_price"); RETURN NULL;', hash='0fe785d2221787330744ad576c39d45620ba4190', operation='INSERT', pgid='pgtrigger_insert_insert_f62d4', table='plans_rate', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rate',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_rateevent" ("cost_source", "fixed_fee", "free_events", "free_value", "id", "label", "least_per_event", "markup", "match", "model", "most_per_event", "package_rounding", "package_size", "percent", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "price_id", "unit_price") VALUES (NEW."cost_source", NEW."fixed_fee", NEW."free_events", NEW."free_value", NEW."id", NEW."label", NEW."least_per_event", NEW."markup", NEW."match", NEW."model", NEW."most_per_event", NEW."package_rounding", NEW."package_size", NEW."percent", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."position", NEW."price_id", NEW."unit_price"); RETURN NULL;', hash='07b2009fac66f5af04ecb90ede5c6d0ed327b03e', operation='UPDATE', pgid='pgtrigger_update_update_48fd0', table='plans_rate', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rate',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_rateevent" ("cost_source", "fixed_fee", "free_events", "free_value", "id", "label", "least_per_event", "markup", "match", "model", "most_per_event", "package_rounding", "package_size", "percent", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "price_id", "unit_price") VALUES (OLD."cost_source", OLD."fixed_fee", OLD."free_events", OLD."free_value", OLD."id", OLD."label", OLD."least_per_event", OLD."markup", OLD."match", OLD."model", OLD."most_per_event", OLD."package_rounding", OLD."package_size", OLD."percent", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."position", OLD."price_id", OLD."unit_price"); RETURN NULL;', hash='9870dca7d9c977f7afc9575540430e0b21392c0d', operation='DELETE', pgid='pgtrigger_delete_delete_3f5e6', table='plans_rate', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rateevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='876ab97874c94f3007dc6c809d814b91cf11fe8b', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_01a79', table='plans_rateevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='rehearsal',
            constraint=models.CheckConstraint(condition=models.Q(('content__regex', '^[0-9a-f]{64}$')), name='rehearsal_names_its_content'),
        ),
        migrations.AddConstraint(
            model_name='rehearsal',
            constraint=models.UniqueConstraint(fields=('version', 'reference'), name='version_is_rehearsed_once_at_a_time'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rehearsal',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_rehearsalevent" ("at", "content", "facts", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reference", "version_id") VALUES (NEW."at", NEW."content", NEW."facts", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."reference", NEW."version_id"); RETURN NULL;', hash='1bc1ec192aded732215be179b8da9907d92e6df5', operation='INSERT', pgid='pgtrigger_insert_insert_fa327', table='plans_rehearsal', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rehearsal',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_rehearsalevent" ("at", "content", "facts", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reference", "version_id") VALUES (NEW."at", NEW."content", NEW."facts", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."reference", NEW."version_id"); RETURN NULL;', hash='7f0a8b44e82fb2599a9adae2076a03745b768378', operation='UPDATE', pgid='pgtrigger_update_update_4ae4d', table='plans_rehearsal', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rehearsal',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_rehearsalevent" ("at", "content", "facts", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reference", "version_id") VALUES (OLD."at", OLD."content", OLD."facts", OLD."id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."reference", OLD."version_id"); RETURN NULL;', hash='d15c58f7efa62c17b7534b602b86e20b79a77073', operation='DELETE', pgid='pgtrigger_delete_delete_deaba', table='plans_rehearsal', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rehearsalevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='6e32e0d07bf5632c97df506b59b1bf85c4b4d25c', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_2f883', table='plans_rehearsalevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='tier',
            constraint=models.CheckConstraint(condition=models.Q(('percent__gte', 0), ('percent__lte', 1000)), name='tier_percent_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='tier',
            constraint=models.CheckConstraint(condition=models.Q(('percent__isnull', True), ('unit_price', 0), _connector='OR'), name='tier_has_a_price_or_a_percentage'),
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
            trigger=pgtrigger.compiler.Trigger(name='published_version_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE frozen text;', func="\n            IF TG_OP <> 'INSERT' THEN\n                SELECT CASE WHEN v.state <> 'draft' OR v.tried_at IS NOT NULL THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (SELECT pf.version_id FROM plans_rate r JOIN plans_price p ON p.id = r.price_id JOIN plans_planfeature pf ON pf.id = p.plan_feature_id WHERE r.id = OLD.rate_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NULL AND TG_OP <> 'DELETE' THEN\n                SELECT CASE WHEN v.state <> 'draft' OR v.tried_at IS NOT NULL THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (SELECT pf.version_id FROM plans_rate r JOIN plans_price p ON p.id = r.price_id JOIN plans_planfeature pf ON pf.id = p.plan_feature_id WHERE r.id = NEW.rate_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NOT NULL THEN\n                RAISE EXCEPTION 'published_version_is_frozen: % is not edited any more; start a new version', frozen\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='dd1c450ea43341a0339d7a08f3aa4c0f121b5b21', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_published_version_is_frozen_27a6d', table='plans_tier', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tier',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_tierevent" ("flat_fee", "id", "percent", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rate_id", "unit_price", "up_to") VALUES (NEW."flat_fee", NEW."id", NEW."percent", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."rate_id", NEW."unit_price", NEW."up_to"); RETURN NULL;', hash='4c7e7495b5af883305b33a7a7fdf1e3eca6decc2', operation='INSERT', pgid='pgtrigger_insert_insert_fa253', table='plans_tier', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tier',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_tierevent" ("flat_fee", "id", "percent", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rate_id", "unit_price", "up_to") VALUES (NEW."flat_fee", NEW."id", NEW."percent", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."rate_id", NEW."unit_price", NEW."up_to"); RETURN NULL;', hash='89673fb165a3ed767b25b2b462942799b99c194f', operation='UPDATE', pgid='pgtrigger_update_update_2655a', table='plans_tier', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tier',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_tierevent" ("flat_fee", "id", "percent", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rate_id", "unit_price", "up_to") VALUES (OLD."flat_fee", OLD."id", OLD."percent", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."rate_id", OLD."unit_price", OLD."up_to"); RETURN NULL;', hash='302c4dffc2c5d32e2fe65f74444fa57e2ecc6b86', operation='DELETE', pgid='pgtrigger_delete_delete_cee9c', table='plans_tier', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tierevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='01a15fc0e8f8b9972d776a2e7896d24a7b2112b1', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_a1084', table='plans_tierevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='unitcost',
            constraint=models.CheckConstraint(condition=models.Q(('cost__gte', 0), ('cost__lte', Decimal('1E+12'))), name='unit_cost_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='unitcost',
            constraint=models.CheckConstraint(condition=models.Q(('valid_to__isnull', True), ('valid_to__gt', models.F('valid_from')), _connector='OR'), name='unit_cost_ends_after_it_starts'),
        ),
        migrations.AddConstraint(
            model_name='unitcost',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('meter', '='), (django.db.models.functions.comparison.Cast('match', models.TextField()), '='), ('currency', '='), (models.Func('valid_from', 'valid_to', function='TSTZRANGE', output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField()), '&&')], name='one_unit_cost_is_in_force_at_a_time', violation_error_message='Another cost of the same usage is in force in that time.'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='unitcost',
            trigger=pgtrigger.compiler.Trigger(name='catalogue_moves_on', sql=pgtrigger.compiler.UpsertTriggerSql(func='UPDATE plans_catalogue SET revision = revision + 1; RETURN NULL;', hash='e7ba84a75f6e4546f5fb8d7b9b3a339f48b744dc', level='STATEMENT', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_catalogue_moves_on_d77ce', table='plans_unitcost', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='unitcost',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_unitcostevent" ("cost", "created_at", "currency", "id", "match", "meter_id", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "valid_from", "valid_to") VALUES (NEW."cost", NEW."created_at", NEW."currency", NEW."id", NEW."match", NEW."meter_id", NEW."note", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."valid_from", NEW."valid_to"); RETURN NULL;', hash='26af38e97957f39c6e605394a8129931cd580d11', operation='INSERT', pgid='pgtrigger_insert_insert_e39f3', table='plans_unitcost', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='unitcost',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "plans_unitcostevent" ("cost", "created_at", "currency", "id", "match", "meter_id", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "valid_from", "valid_to") VALUES (NEW."cost", NEW."created_at", NEW."currency", NEW."id", NEW."match", NEW."meter_id", NEW."note", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."valid_from", NEW."valid_to"); RETURN NULL;', hash='d5e5ba0b1894a0dd5d94c101ba7fdd04a6599ab3', operation='UPDATE', pgid='pgtrigger_update_update_dff3e', table='plans_unitcost', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='unitcost',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "plans_unitcostevent" ("cost", "created_at", "currency", "id", "match", "meter_id", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "valid_from", "valid_to") VALUES (OLD."cost", OLD."created_at", OLD."currency", OLD."id", OLD."match", OLD."meter_id", OLD."note", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."valid_from", OLD."valid_to"); RETURN NULL;', hash='3fbfc17270999726dd6487a2927b5f21f7bc9fbe', operation='DELETE', pgid='pgtrigger_delete_delete_59633', table='plans_unitcost', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='unitcostevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='d4eef7fdd673b5d02f46b1ab6122902a69f7bbfa', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_d42d1', table='plans_unitcostevent', when='BEFORE')),
        ),
        migrations.RunSQL(
            "INSERT INTO plans_catalogue (id, revision) VALUES (1, 1)", migrations.RunSQL.noop
        ),
        migrations.RunSQL(
            "INSERT INTO plans_publishingrule (id, needs_approval, one_model_per_plan) VALUES (1, false, false)",
            migrations.RunSQL.noop,
        ),
    ]
