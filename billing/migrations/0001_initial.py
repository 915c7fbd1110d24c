import datetime
import django.contrib.postgres.constraints
import django.contrib.postgres.fields
import django.contrib.postgres.fields.ranges
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.fields.json
import django.db.models.functions.comparison
import django.utils.timezone
import djmoney.models.fields
import pgtrigger.compiler
import pgtrigger.migrations
import lib.field_types
import wallets.models.field_types
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models

from billing.metering.store.event_table import CREATE, DROP

EVERYBODYS = [("allowance", [50, 75, 90, 100]), ("cap", [50, 75, 90, 100]), ("anomaly", [5]), ("low_balance", [20]),
    ("expiring", [7])]


def put_up_guardrails(apps, schema_editor):
    """Guardrails are on by default, for everybody; finance may switch each off."""
    for kind, levels in EVERYBODYS:
        apps.get_model("billing", "Guardrail").objects.create(kind=kind, levels=levels)


BEGIN = """
INSERT INTO billing_watch (source, position, noted, horizon) VALUES ('events', 0, 0, 0), ('wallets', 0, 0, 0)
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '__first__'),
        ('customers', '0001_initial'),
        ('invoices', '0001_initial'),
        ('pghistory', '0007_auto_20250421_0444'),
        ('plans', '0001_initial'),
        ('wallets', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Event',
            fields=[
                ('key', models.UUIDField(primary_key=True, serialize=False)),
                ('digest', models.UUIDField()),
                ('sequence', models.BigIntegerField()),
                ('occurred_at', models.DateTimeField()),
                ('received_at', models.DateTimeField()),
                ('sandbox', models.BooleanField()),
                ('customer_id', models.BigIntegerField(null=True)),
                ('customer_ref', models.TextField()),
                ('name', models.TextField()),
                ('source', models.TextField()),
                ('sender_id', models.TextField()),
                ('subscription_ref', models.TextField()),
                ('properties', models.JSONField()),
            ],
            options={
                'db_table': 'billing_event',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='Rollup',
            fields=[
                ('pk', models.CompositePrimaryKey('period_id', 'meter_id', 'bucket', 'dimensions', blank=True, editable=False, primary_key=True, serialize=False)),
                ('bucket', models.DateTimeField()),
                ('dimensions', models.JSONField()),
                ('events', models.BigIntegerField()),
                ('quantity', lib.field_types.QuantityField()),
            ],
            options={
                'db_table': 'billing_rollup',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='Pause',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(null=True)),
                ('state', models.CharField(choices=[('to_come', 'to come'), ('running', 'running'), ('over', 'over'), ('revoked', 'revoked')], default='to_come', max_length=7)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='CountedCost',
            fields=[
            ],
            options={
                'proxy': True,
                'default_permissions': (),
                'indexes': [],
                'constraints': [],
            },
            bases=('plans.unitcost',),
        ),
        migrations.CreateModel(
            name='VersionToCome',
            fields=[
            ],
            options={
                'proxy': True,
                'default_permissions': (),
                'indexes': [],
                'constraints': [],
            },
            bases=('plans.planversion',),
        ),
        migrations.CreateModel(
            name='Clone',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateTimeField()),
                ('until', models.DateTimeField()),
                ('created_at', models.DateTimeField()),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('customer', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='cloned', to='customers.customer')),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='clones', to='customers.customer')),
            ],
        ),
        migrations.CreateModel(
            name='Correction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event_key', models.UUIDField()),
                ('sequence', models.BigIntegerField(unique=True)),
                ('kind', models.CharField(choices=[('void', 'taken back'), ('replace', 'replaced')], max_length=8)),
                ('replacement_key', models.UUIDField(null=True, unique=True)),
                ('sandbox', models.BooleanField()),
                ('reason', models.CharField(max_length=500)),
                ('corrected_at', models.DateTimeField()),
                ('api_key', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.apikey')),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'permissions': [('correct_event', 'Can correct usage')],
            },
        ),
        migrations.CreateModel(
            name='Guardrail',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('allowance', 'use of an allowance or hard cap'), ('cap', 'spend against a cap'), ('spend', 'spend against an amount'), ('last_period', 'spend against the last period'), ('projected', 'forecast of a period'), ('anomaly', 'unusual use'), ('low_balance', 'balance of a wallet'), ('expiring', 'credits about to expire')], max_length=11)),
                ('dimension', models.CharField(blank=True, default='', max_length=100)),
                ('dimension_value', models.CharField(blank=True, default='', max_length=200)),
                ('levels', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveIntegerField(), size=10)),
                ('amount', lib.field_types.QuantityField(blank=True, null=True)),
                ('currency', models.CharField(blank=True, default='', max_length=3)),
                ('is_on', models.BooleanField(default=True)),
                ('set_by', models.CharField(choices=[('finance', 'finance'), ('customer', 'the customer')], default='finance', max_length=8)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('removed_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('customer', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='guardrails', to='customers.customer')),
                ('feature', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.feature')),
                ('seller', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.seller')),
            ],
        ),
        migrations.CreateModel(
            name='Holding',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('fee_code', models.CharField(max_length=64)),
                ('quantity', models.PositiveIntegerField()),
                ('since', models.DateTimeField()),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('recorded_at', models.DateTimeField()),
                ('recorded_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Job',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('usage_import', 'usage import'), ('promotion', 'promotional grants'), ('close_run', 'close run'), ('rendering', 'making of PDFs'), ('audit', 'audit'), ('migration_preview', 'preview of a migration'), ('migration', 'migration'), ('migration_undo', 'migration rolled back'), ('simulation', 'simulation of prices')], max_length=40)),
                ('title', models.CharField(max_length=200)),
                ('state', models.CharField(choices=[('queued', 'queued'), ('running', 'running'), ('paused', 'paused'), ('done', 'done'), ('failed', 'failed'), ('cancelled', 'cancelled')], default='queued', max_length=9)),
                ('dry_run', models.BooleanField()),
                ('parameters', models.JSONField(default=dict)),
                ('total', models.IntegerField(null=True)),
                ('cut_tries', models.SmallIntegerField(default=0)),
                ('failed', models.IntegerField(default=0)),
                ('figures', models.JSONField(default=dict)),
                ('error', models.TextField(blank=True)),
                ('file_name', models.CharField(blank=True, max_length=200)),
                ('file_bytes', models.BigIntegerField(default=0)),
                ('file_sha256', models.CharField(blank=True, max_length=64)),
                ('created_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('forgotten_at', models.DateTimeField(null=True)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'permissions': [('import_event', 'Can import usage')],
            },
        ),
        migrations.CreateModel(
            name='JobEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('kind', models.CharField(choices=[('usage_import', 'usage import'), ('promotion', 'promotional grants'), ('close_run', 'close run'), ('rendering', 'making of PDFs'), ('audit', 'audit'), ('migration_preview', 'preview of a migration'), ('migration', 'migration'), ('migration_undo', 'migration rolled back'), ('simulation', 'simulation of prices')], max_length=40)),
                ('title', models.CharField(max_length=200)),
                ('state', models.CharField(choices=[('queued', 'queued'), ('running', 'running'), ('paused', 'paused'), ('done', 'done'), ('failed', 'failed'), ('cancelled', 'cancelled')], default='queued', max_length=9)),
                ('dry_run', models.BooleanField()),
                ('parameters', models.JSONField(default=dict)),
                ('total', models.IntegerField(null=True)),
                ('failed', models.IntegerField(default=0)),
                ('figures', models.JSONField(default=dict)),
                ('error', models.TextField(blank=True)),
                ('file_name', models.CharField(blank=True, max_length=200)),
                ('file_bytes', models.BigIntegerField(default=0)),
                ('file_sha256', models.CharField(blank=True, max_length=64)),
                ('created_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('forgotten_at', models.DateTimeField(null=True)),
                ('by', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='billing.job')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='JobItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.IntegerField()),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('done', 'done'), ('failed', 'failed')], default='waiting', max_length=7)),
                ('parameters', models.JSONField(default=dict)),
                ('content', models.BinaryField(null=True)),
                ('tries', models.SmallIntegerField(default=0)),
                ('error', models.TextField(blank=True)),
                ('figures', models.JSONField(default=dict)),
                ('findings', models.JSONField(default=list)),
                ('begun_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='items', to='billing.job')),
            ],
        ),
        migrations.CreateModel(
            name='JobPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.IntegerField()),
                ('content', models.BinaryField()),
                ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='parts', to='billing.job')),
            ],
        ),
        migrations.CreateModel(
            name='Look',
            fields=[
                ('customer', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', serialize=False, to='customers.customer')),
                ('due_at', models.DateTimeField()),
                ('is_whole', models.BooleanField(default=False)),
            ],
            options={
                'indexes': [models.Index(fields=['due_at'], name='look_due')],
            },
        ),
        migrations.CreateModel(
            name='Migration',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=120)),
                ('sandbox', models.BooleanField(default=False)),
                ('when', models.CharField(choices=[('now', 'now, in mid-period'), ('period', "where each one's next period begins"), ('date', 'at a date')], default='period', max_length=6)),
                ('moment', models.DateTimeField(blank=True, null=True)),
                ('ends_overrides', models.BooleanField(default=False)),
                ('from_unit', models.CharField(blank=True, max_length=7)),
                ('to_unit', models.CharField(blank=True, max_length=7)),
                ('rate', lib.field_types.QuantityField(blank=True, null=True)),
                ('notice_days', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('told_at', models.DateTimeField(null=True)),
                ('selection', models.JSONField(default=dict)),
                ('left_out', models.JSONField(default=list)),
                ('state', models.CharField(choices=[('planned', 'planned'), ('review', 'waits for approval'), ('approved', 'approved'), ('begun', 'begun'), ('undone', 'rolled back'), ('dropped', 'dropped')], default='planned', max_length=8)),
                ('created_at', models.DateTimeField()),
                ('approved_at', models.DateTimeField(null=True)),
                ('approved_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('asked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.planversion')),
            ],
            options={
                'permissions': [('run_migration', 'Can run migrations, and roll them back'), ('approve_migration', 'Can approve the migrations of others')],
            },
        ),
        migrations.CreateModel(
            name='MigrationEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('title', models.CharField(max_length=120)),
                ('sandbox', models.BooleanField(default=False)),
                ('when', models.CharField(choices=[('now', 'now, in mid-period'), ('period', "where each one's next period begins"), ('date', 'at a date')], default='period', max_length=6)),
                ('moment', models.DateTimeField(blank=True, null=True)),
                ('ends_overrides', models.BooleanField(default=False)),
                ('from_unit', models.CharField(blank=True, max_length=7)),
                ('to_unit', models.CharField(blank=True, max_length=7)),
                ('rate', lib.field_types.QuantityField(blank=True, null=True)),
                ('notice_days', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('told_at', models.DateTimeField(null=True)),
                ('selection', models.JSONField(default=dict)),
                ('left_out', models.JSONField(default=list)),
                ('state', models.CharField(choices=[('planned', 'planned'), ('review', 'waits for approval'), ('approved', 'approved'), ('begun', 'begun'), ('undone', 'rolled back'), ('dropped', 'dropped')], default='planned', max_length=8)),
                ('created_at', models.DateTimeField()),
                ('approved_at', models.DateTimeField(null=True)),
                ('approved_by', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('asked_by', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='billing.migration')),
                ('version', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.planversion')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Override',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('what', models.CharField(choices=[('included', 'included units, or the hard cap'), ('price', 'the price of a rate'), ('percent', 'all its prices, by a percentage'), ('minimum', 'minimum'), ('maximum', 'maximum')], max_length=8)),
                ('match', models.JSONField(blank=True, default=dict)),
                ('value', lib.field_types.QuantityField()),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(blank=True, null=True)),
                ('reason', models.TextField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('feature', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.feature')),
            ],
        ),
        migrations.CreateModel(
            name='OwnCommitment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('minimum', models.DecimalField(decimal_places=4, max_digits=19)),
                ('periods', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(120)])),
                ('overage_factor', models.DecimalField(decimal_places=4, default=1, max_digits=7)),
                ('discount', models.DecimalField(decimal_places=10, default=0, max_digits=14)),
                ('trues_up', models.BooleanField(default=True)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(blank=True, null=True)),
                ('reason', models.TextField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'commitment of a subscription',
                'verbose_name_plural': 'commitments of subscriptions',
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Period',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('opening', 'opening: bills what is due in advance at the start'), ('regular', 'regular'), ('undone', 'undone: a roll back has taken it back, and another one took its place')], default='regular', max_length=8)),
                ('state', models.CharField(choices=[('open', 'open'), ('closed', 'closed')], default='open', max_length=8)),
                ('is_trial', models.BooleanField(db_default=False, default=False)),
                ('revision', models.PositiveIntegerField(default=1)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('due_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(null=True)),
                ('late_since', models.DateTimeField(null=True)),
                ('settles', models.CharField(blank=True, choices=[('charge', 'what is missing is charged, nothing is given back'), ('balance', 'what was not used is credited'), ('refund', 'what was not used is refunded')], db_default='', max_length=7)),
                ('error', models.TextField(blank=True)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('retry_at', models.DateTimeField(null=True)),
                ('continues', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='continued_by', to='billing.period')),
                ('invoice', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='periods', to='invoices.invoice')),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.planversion')),
            ],
            options={
                'permissions': [('close_period', 'Can close periods by hand')],
            },
        ),
        migrations.CreateModel(
            name='Draw',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('window_start', models.DateTimeField()),
                ('cost', wallets.models.field_types.UnitsField(default=0)),
                ('overage', wallets.models.field_types.UnitsField(default=0)),
                ('refused', wallets.models.field_types.UnitsField(default=0)),
                ('times', models.PositiveIntegerField(default=0)),
                ('plan_feature', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.planfeature')),
                ('period', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='draws', to='billing.period')),
            ],
        ),
        migrations.CreateModel(
            name='Counter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rate_id', models.BigIntegerField()),
                ('window_start', models.DateTimeField()),
                ('events', models.BigIntegerField()),
                ('quantity', lib.field_types.QuantityField()),
                ('carried', lib.field_types.QuantityField(db_default=0)),
                ('fingerprint', models.DecimalField(decimal_places=0, max_digits=60)),
                ('plan_feature', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.planfeature')),
                ('period', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='counters', to='billing.period')),
            ],
        ),
        migrations.CreateModel(
            name='BilledUsage',
            fields=[
                ('line', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='usage', serialize=False, to='invoices.line')),
                ('plan_feature_id', models.BigIntegerField()),
                ('rate_id', models.BigIntegerField()),
                ('window_start', models.DateTimeField()),
                ('high_water_mark', models.BigIntegerField()),
                ('corrects_line_id', models.BigIntegerField(db_default=0)),
                ('events', models.BigIntegerField()),
                ('quantity', lib.field_types.QuantityField()),
                ('carried', lib.field_types.QuantityField(db_default=0)),
                ('metered', lib.field_types.QuantityField(null=True)),
                ('earlier', models.JSONField(null=True)),
                ('fingerprint', models.DecimalField(decimal_places=0, max_digits=60)),
                ('period', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='billed_usage', to='billing.period')),
            ],
        ),
        migrations.CreateModel(
            name='Redemption',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField()),
                ('since', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('ended_reason', models.CharField(blank=True, max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('coupon', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='redemptions', to='plans.coupon')),
                ('promotion', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='redemptions', to='plans.promotion')),
                ('redeemed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='CouponLine',
            fields=[
                ('line', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='redeemed', serialize=False, to='invoices.line')),
                ('period', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='coupon_lines', to='billing.period')),
                ('redemption', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='billing.redemption')),
            ],
        ),
        migrations.CreateModel(
            name='Reservation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reference', models.CharField(max_length=120)),
                ('subscription_ref', models.CharField(blank=True, default='', max_length=200)),
                ('properties', models.JSONField(blank=True, default=dict)),
                ('rate_id', models.BigIntegerField()),
                ('window_start', models.DateTimeField()),
                ('quantity', lib.field_types.QuantityField()),
                ('cost', models.DecimalField(decimal_places=4, default=0, max_digits=19)),
                ('at', models.DateTimeField()),
                ('until', models.DateTimeField()),
                ('state', models.CharField(choices=[('open', 'open'), ('committed', 'committed'), ('released', 'released'), ('lapsed', 'lapsed')], default='open', max_length=9)),
                ('ended_at', models.DateTimeField(null=True)),
                ('used', lib.field_types.QuantityField(null=True)),
                ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.customer')),
                ('hold', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wallets.hold')),
                ('period', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.period')),
                ('plan_feature', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.planfeature')),
            ],
        ),
        migrations.CreateModel(
            name='Rollout',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('audience', models.CharField(choices=[('new', 'new subscriptions only'), ('cohort', 'a cohort'), ('all', 'everybody')], max_length=8)),
                ('published_at', models.DateTimeField()),
                ('effective_from', models.DateTimeField()),
                ('splits_periods', models.BooleanField(db_default=False, default=False)),
                ('state', models.CharField(choices=[('open', 'being scheduled'), ('done', 'scheduled'), ('withdrawn', 'withdrawn')], default='open', max_length=9)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rollouts', to='plans.planversion')),
            ],
        ),
        migrations.CreateModel(
            name='RolloutEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('audience', models.CharField(choices=[('new', 'new subscriptions only'), ('cohort', 'a cohort'), ('all', 'everybody')], max_length=8)),
                ('published_at', models.DateTimeField()),
                ('effective_from', models.DateTimeField()),
                ('splits_periods', models.BooleanField(db_default=False, default=False)),
                ('state', models.CharField(choices=[('open', 'being scheduled'), ('done', 'scheduled'), ('withdrawn', 'withdrawn')], default='open', max_length=9)),
                ('by', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='billing.rollout')),
                ('version', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.planversion')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ScheduledChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('moment', models.DateTimeField()),
                ('splits_period', models.BooleanField(db_default=False, default=False)),
                ('state', models.CharField(choices=[('pending', 'to come'), ('done', 'done'), ('revoked', 'revoked'), ('refused', 'not possible')], default='pending', max_length=8)),
                ('problem', models.TextField(blank=True)),
                ('decided_at', models.DateTimeField(null=True)),
                ('from_version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.planversion')),
                ('rollout', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='billing.rollout')),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.planversion')),
            ],
        ),
        migrations.CreateModel(
            name='Move',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('excluded', 'left out by hand'), ('refused', 'not possible'), ('scheduled', 'to come'), ('moved', 'moved'), ('undone', 'rolled back')], default='waiting', max_length=9)),
                ('problem', models.TextField(blank=True)),
                ('warnings', models.JSONField(default=list)),
                ('before', models.DecimalField(decimal_places=4, max_digits=19, null=True)),
                ('after', models.DecimalField(decimal_places=4, max_digits=19, null=True)),
                ('switch', models.DecimalField(decimal_places=4, max_digits=19, null=True)),
                ('previewed_at', models.DateTimeField(null=True)),
                ('ended', models.JSONField(default=list)),
                ('moved_at', models.DateTimeField(null=True)),
                ('undone_at', models.DateTimeField(null=True)),
                ('from_version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.planversion')),
                ('migration', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='moves', to='billing.migration')),
                ('part', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='move', to='billing.period')),
                ('change', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='move', to='billing.scheduledchange')),
            ],
        ),
        migrations.CreateModel(
            name='Series',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('dimensions', models.JSONField()),
                ('meter', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.meter')),
                ('period', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='series', to='billing.period')),
            ],
            options={
                'verbose_name_plural': 'series',
            },
        ),
        migrations.CreateModel(
            name='Member',
            fields=[
                ('pk', models.CompositePrimaryKey('series_id', 'digest', blank=True, editable=False, primary_key=True, serialize=False)),
                ('digest', models.UUIDField()),
                ('value', models.TextField()),
                ('at', models.DateTimeField()),
                ('source', models.TextField()),
                ('key', models.TextField()),
                ('is_present', models.BooleanField()),
                ('series', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='members', to='billing.series')),
            ],
        ),
        migrations.CreateModel(
            name='Level',
            fields=[
                ('pk', models.CompositePrimaryKey('series_id', 'at', 'source', 'key', blank=True, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('source', models.TextField(db_collation='C')),
                ('key', models.TextField(db_collation='C')),
                ('value', lib.field_types.QuantityField()),
                ('series', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='levels', to='billing.series')),
            ],
        ),
        migrations.CreateModel(
            name='Hour',
            fields=[
                ('pk', models.CompositePrimaryKey('series_id', 'bucket', blank=True, editable=False, primary_key=True, serialize=False)),
                ('bucket', models.DateTimeField()),
                ('events', models.BigIntegerField()),
                ('quantity', lib.field_types.QuantityField()),
                ('series', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='hours', to='billing.series')),
            ],
        ),
        migrations.CreateModel(
            name='Settlement',
            fields=[
                ('line', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='settlement', serialize=False, to='invoices.line')),
                ('period', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='settlements', to='billing.period')),
            ],
        ),
        migrations.CreateModel(
            name='SpendCap',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('match', models.JSONField(blank=True, default=dict)),
                ('amount', models.DecimalField(decimal_places=4, max_digits=19)),
                ('currency', djmoney.models.fields.CurrencyField(default='USD', max_length=3)),
                ('action', models.CharField(choices=[('notify', 'notify'), ('stop', 'stop'), ('throttle', 'throttle')], default='notify', max_length=8)),
                ('per_minute', models.PositiveIntegerField(blank=True, null=True)),
                ('set_by', models.CharField(choices=[('finance', 'finance'), ('customer', 'the customer')], default='finance', max_length=8)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('customer', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='spend_caps', to='customers.customer')),
                ('feature', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.feature')),
            ],
        ),
        migrations.CreateModel(
            name='Subscription',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('external_id', models.CharField(max_length=200)),
                ('sandbox', models.BooleanField(default=False, editable=False)),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('state', models.CharField(choices=[('draft', 'draft'), ('trialing', 'in trial'), ('active', 'active'), ('paused', 'paused'), ('cancelled', 'cancelled'), ('ended', 'ended')], default='active', max_length=10)),
                ('named', models.BooleanField(default=False)),
                ('starts_at', models.DateTimeField()),
                ('anchor_at', models.DateTimeField()),
                ('trial_ends_at', models.DateTimeField(blank=True, null=True)),
                ('ends_at', models.DateTimeField(blank=True, null=True)),
                ('cancelled_at', models.DateTimeField(blank=True, null=True)),
                ('term_ends_at', models.DateTimeField(blank=True, null=True)),
                ('drafted', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('customer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='subscriptions', to='customers.customer')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='subscriptions', to='plans.planversion')),
            ],
        ),
        migrations.CreateModel(
            name='SpendCapEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('match', models.JSONField(blank=True, default=dict)),
                ('amount', models.DecimalField(decimal_places=4, max_digits=19)),
                ('currency', djmoney.models.fields.CurrencyField(default='USD', max_length=3)),
                ('action', models.CharField(choices=[('notify', 'notify'), ('stop', 'stop'), ('throttle', 'throttle')], default='notify', max_length=8)),
                ('per_minute', models.PositiveIntegerField(blank=True, null=True)),
                ('set_by', models.CharField(choices=[('finance', 'finance'), ('customer', 'the customer')], default='finance', max_length=8)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('customer', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='customers.customer')),
                ('feature', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.feature')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='billing.spendcap')),
                ('subscription', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='billing.subscription')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='spendcap',
            name='subscription',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='spend_caps', to='billing.subscription'),
        ),
        migrations.CreateModel(
            name='SimulationResult',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('found', models.JSONField()),
                ('digest', models.CharField(max_length=64)),
                ('currency', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('currency', 'found'), models.CharField(max_length=3)), output_field=models.CharField(max_length=3))),
                ('before', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('before', 'found'), models.DecimalField(decimal_places=4, max_digits=19)), output_field=models.DecimalField(decimal_places=4, max_digits=19))),
                ('after', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('after', 'found'), models.DecimalField(decimal_places=4, max_digits=19)), output_field=models.DecimalField(decimal_places=4, max_digits=19))),
                ('change', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('change', 'found'), models.DecimalField(decimal_places=4, max_digits=19)), output_field=models.DecimalField(decimal_places=4, max_digits=19))),
                ('percent', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('percent', 'found'), models.DecimalField(decimal_places=4, max_digits=19)), output_field=models.DecimalField(decimal_places=4, max_digits=19))),
                ('is_known', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('is_known', 'found'), models.BooleanField()), output_field=models.BooleanField())),
                ('is_shock', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('is_shock', 'found'), models.BooleanField()), output_field=models.BooleanField())),
                ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='results', to='billing.job')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.planversion')),
                ('subscription', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.subscription')),
            ],
            options={
                'verbose_name': 'simulated bill',
                'permissions': [('simulate_price', 'Can simulate prices')],
            },
        ),
        migrations.CreateModel(
            name='ScheduledChangeEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('moment', models.DateTimeField()),
                ('splits_period', models.BooleanField(db_default=False, default=False)),
                ('state', models.CharField(choices=[('pending', 'to come'), ('done', 'done'), ('revoked', 'revoked'), ('refused', 'not possible')], default='pending', max_length=8)),
                ('problem', models.TextField(blank=True)),
                ('decided_at', models.DateTimeField(null=True)),
                ('from_version', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.planversion')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='billing.scheduledchange')),
                ('rollout', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='billing.rollout')),
                ('version', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.planversion')),
                ('subscription', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='billing.subscription')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='scheduledchange',
            name='subscription',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='billing.subscription'),
        ),
        migrations.CreateModel(
            name='RedemptionEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('position', models.PositiveSmallIntegerField()),
                ('since', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('ended_reason', models.CharField(blank=True, max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('coupon', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.coupon')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='billing.redemption')),
                ('promotion', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.promotion')),
                ('redeemed_by', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('subscription', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='billing.subscription')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='redemption',
            name='subscription',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='redemptions', to='billing.subscription'),
        ),
        migrations.CreateModel(
            name='PeriodGrant',
            fields=[
                ('period_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('starts_at', models.DateTimeField()),
                ('revision', models.PositiveIntegerField()),
                ('next_at', models.DateTimeField(null=True)),
                ('subscription', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.subscription')),
            ],
        ),
        migrations.AddField(
            model_name='period',
            name='subscription',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='periods', to='billing.subscription'),
        ),
        migrations.CreateModel(
            name='PauseEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(null=True)),
                ('state', models.CharField(choices=[('to_come', 'to come'), ('running', 'running'), ('over', 'over'), ('revoked', 'revoked')], default='to_come', max_length=7)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField()),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='billing.pause')),
                ('subscription', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='billing.subscription')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='pause',
            name='subscription',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pauses', to='billing.subscription'),
        ),
        migrations.CreateModel(
            name='OwnCommitmentEvent',
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
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(blank=True, null=True)),
                ('reason', models.TextField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('created_by', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='billing.owncommitment')),
                ('subscription', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='billing.subscription')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='owncommitment',
            name='subscription',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='commitments', to='billing.subscription'),
        ),
        migrations.CreateModel(
            name='OverrideEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('what', models.CharField(choices=[('included', 'included units, or the hard cap'), ('price', 'the price of a rate'), ('percent', 'all its prices, by a percentage'), ('minimum', 'minimum'), ('maximum', 'maximum')], max_length=8)),
                ('match', models.JSONField(blank=True, default=dict)),
                ('value', lib.field_types.QuantityField()),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(blank=True, null=True)),
                ('reason', models.TextField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('created_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('feature', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.feature')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='billing.override')),
                ('subscription', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='billing.subscription')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='override',
            name='subscription',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='overrides', to='billing.subscription'),
        ),
        migrations.CreateModel(
            name='MoveEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('excluded', 'left out by hand'), ('refused', 'not possible'), ('scheduled', 'to come'), ('moved', 'moved'), ('undone', 'rolled back')], default='waiting', max_length=9)),
                ('problem', models.TextField(blank=True)),
                ('warnings', models.JSONField(default=list)),
                ('before', models.DecimalField(decimal_places=4, max_digits=19, null=True)),
                ('after', models.DecimalField(decimal_places=4, max_digits=19, null=True)),
                ('switch', models.DecimalField(decimal_places=4, max_digits=19, null=True)),
                ('previewed_at', models.DateTimeField(null=True)),
                ('ended', models.JSONField(default=list)),
                ('moved_at', models.DateTimeField(null=True)),
                ('undone_at', models.DateTimeField(null=True)),
                ('from_version', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.planversion')),
                ('migration', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='billing.migration')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='billing.move')),
                ('part', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='billing.period')),
                ('change', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='billing.scheduledchange')),
                ('subscription', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='billing.subscription')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='move',
            name='subscription',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='moves', to='billing.subscription'),
        ),
        migrations.CreateModel(
            name='HoldingEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('fee_code', models.CharField(max_length=64)),
                ('quantity', models.PositiveIntegerField()),
                ('since', models.DateTimeField()),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('recorded_at', models.DateTimeField()),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='billing.holding')),
                ('recorded_by', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('subscription', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='billing.subscription')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='holding',
            name='subscription',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='holdings', to='billing.subscription'),
        ),
        migrations.CreateModel(
            name='GuardrailEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('kind', models.CharField(choices=[('allowance', 'use of an allowance or hard cap'), ('cap', 'spend against a cap'), ('spend', 'spend against an amount'), ('last_period', 'spend against the last period'), ('projected', 'forecast of a period'), ('anomaly', 'unusual use'), ('low_balance', 'balance of a wallet'), ('expiring', 'credits about to expire')], max_length=11)),
                ('dimension', models.CharField(blank=True, default='', max_length=100)),
                ('dimension_value', models.CharField(blank=True, default='', max_length=200)),
                ('levels', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveIntegerField(), size=10)),
                ('amount', lib.field_types.QuantityField(blank=True, null=True)),
                ('currency', models.CharField(blank=True, default='', max_length=3)),
                ('is_on', models.BooleanField(default=True)),
                ('set_by', models.CharField(choices=[('finance', 'finance'), ('customer', 'the customer')], default='finance', max_length=8)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('removed_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('customer', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='customers.customer')),
                ('feature', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.feature')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='billing.guardrail')),
                ('seller', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='customers.seller')),
                ('subscription', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='billing.subscription')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='guardrail',
            name='subscription',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.subscription'),
        ),
        migrations.CreateModel(
            name='Coverage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('named', models.BooleanField(default=False)),
                ('during', django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='coverage', to='customers.customer')),
                ('feature', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.feature')),
                ('subscription', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='coverage', to='billing.subscription')),
            ],
        ),
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('dimension', models.TextField(blank=True, default='')),
                ('dimension_value', models.TextField(blank=True, default='')),
                ('since', models.DateTimeField()),
                ('ends_at', models.DateTimeField(null=True)),
                ('threshold', models.PositiveIntegerField()),
                ('value', lib.field_types.QuantityField()),
                ('limit', lib.field_types.QuantityField(null=True)),
                ('agreed_limit', lib.field_types.QuantityField(default=0)),
                ('unit', models.CharField(max_length=40)),
                ('fired_at', models.DateTimeField()),
                ('recovered_at', models.DateTimeField(null=True)),
                ('acknowledged_at', models.DateTimeField(null=True)),
                ('acknowledged_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.customer')),
                ('feature', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.feature')),
                ('wallet', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wallets.wallet')),
                ('guardrail', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='alerts', to='billing.guardrail')),
                ('subscription', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.subscription')),
            ],
        ),
        migrations.CreateModel(
            name='SubscriptionEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('external_id', models.CharField(max_length=200)),
                ('sandbox', models.BooleanField(default=False, editable=False)),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('state', models.CharField(choices=[('draft', 'draft'), ('trialing', 'in trial'), ('active', 'active'), ('paused', 'paused'), ('cancelled', 'cancelled'), ('ended', 'ended')], default='active', max_length=10)),
                ('named', models.BooleanField(default=False)),
                ('starts_at', models.DateTimeField()),
                ('anchor_at', models.DateTimeField()),
                ('trial_ends_at', models.DateTimeField(blank=True, null=True)),
                ('ends_at', models.DateTimeField(blank=True, null=True)),
                ('cancelled_at', models.DateTimeField(blank=True, null=True)),
                ('term_ends_at', models.DateTimeField(blank=True, null=True)),
                ('drafted', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('customer', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='customers.customer')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='billing.subscription')),
                ('version', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.planversion')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Tally',
            fields=[
                ('pk', models.CompositePrimaryKey('series_id', 'span', 'starts_at', blank=True, editable=False, primary_key=True, serialize=False)),
                ('span', models.TextField()),
                ('starts_at', models.DateTimeField()),
                ('events', models.BigIntegerField()),
                ('total', lib.field_types.QuantityField()),
                ('low', lib.field_types.QuantityField(null=True)),
                ('high', lib.field_types.QuantityField(null=True)),
                ('latest_at', models.DateTimeField(null=True)),
                ('latest_source', models.TextField(blank=True, default='')),
                ('latest_key', models.TextField(blank=True, default='')),
                ('latest_value', lib.field_types.QuantityField(null=True)),
                ('first_at', models.DateTimeField(null=True)),
                ('moment', lib.field_types.QuantityField()),
                ('members', models.BigIntegerField()),
                ('series', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='tallies', to='billing.series')),
            ],
            options={
                'verbose_name_plural': 'tallies',
            },
        ),
        migrations.CreateModel(
            name='UnbilledUsage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event_key', models.UUIDField()),
                ('sequence', models.BigIntegerField()),
                ('occurred_at', models.DateTimeField()),
                ('sandbox', models.BooleanField()),
                ('customer_ref', models.TextField()),
                ('event_name', models.TextField()),
                ('reason', models.CharField(choices=[('unknown_customer', 'no customer of this name'), ('unknown_event', 'no meter counts events of this name'), ('bad_value', 'the metered property is missing or not a number'), ('no_subscription', 'no subscription of the customer covers it'), ('paused', 'the subscription that covers it is paused'), ('no_rate', 'no rate of the price matches its dimensions'), ('no_cost', 'no unit cost was in force for it')], max_length=20)),
                ('detail', models.TextField(blank=True)),
                ('resolved_at', models.DateTimeField(null=True)),
                ('resolved_sequence', models.BigIntegerField(null=True)),
                ('customer', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.customer')),
                ('meter', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.meter')),
            ],
            options={
                'verbose_name_plural': 'unbilled usage',
            },
        ),
        migrations.CreateModel(
            name='Watch',
            fields=[
                ('source', models.CharField(max_length=10, primary_key=True, serialize=False)),
                ('position', models.BigIntegerField(default=0)),
                ('noted', models.BigIntegerField(default=0)),
                ('horizon', models.BigIntegerField(default=0)),
                ('looked_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name_plural': 'watches',
                'constraints': [models.CheckConstraint(condition=models.Q(('horizon__gte', 0), ('noted__gte', models.F('position')), ('position__gte', 0)), name='what_is_noted_is_not_before_what_is_seen')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='countedcost',
            trigger=pgtrigger.compiler.Trigger(name='counted_usage_keeps_its_cost', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE cost plans_unitcost%ROWTYPE; since timestamptz; until timestamptz; counted timestamptz;', func="\n            PERFORM pg_advisory_xact_lock(7265774);\n            IF TG_OP = 'DELETE' THEN cost := OLD; ELSE cost := NEW; END IF;\n            since := cost.valid_from;\n            until := coalesce(cost.valid_to, 'infinity');\n            IF TG_OP = 'UPDATE' THEN\n                IF (OLD.meter_id, OLD.match, OLD.currency, OLD.valid_from)\n                    IS DISTINCT FROM (NEW.meter_id, NEW.match, NEW.currency, NEW.valid_from) THEN\n                    RAISE EXCEPTION 'counted_usage_keeps_its_cost: it is of other usage or time: record another one'\n                    USING ERRCODE = 'restrict_violation';\n                END IF;\n                IF OLD.cost = NEW.cost THEN since := LEAST(until, coalesce(OLD.valid_to, 'infinity')); END IF;\n                until := GREATEST(until, coalesce(OLD.valid_to, 'infinity'));\n            END IF;\n            SELECT max(h.bucket) INTO counted\n            FROM plans_rate r\n            JOIN plans_price pr ON pr.id = r.price_id AND pr.currency = cost.currency\n            JOIN plans_planfeature pf ON pf.id = pr.plan_feature_id\n            JOIN plans_feature f ON f.id = pf.feature_id AND f.meter_id = cost.meter_id\n            JOIN billing_period p ON p.version_id = pf.version_id AND p.starts_at < until AND p.ends_at > since\n            JOIN billing_subscription s ON s.id = p.subscription_id AND s.currency = cost.currency\n            JOIN billing_series u ON u.period_id = p.id AND u.meter_id = cost.meter_id AND u.dimensions @> cost.match\n            JOIN billing_hour h ON h.series_id = u.id AND h.bucket < until AND h.bucket + interval '1 hour' > since\n            WHERE r.model = 'dynamic' AND r.cost_source = 'unit_cost' AND NOT EXISTS (\n                SELECT FROM plans_unitcost o\n                WHERE o.meter_id = cost.meter_id AND o.currency = cost.currency AND u.dimensions @> o.match\n                    AND (SELECT count(*) FROM jsonb_object_keys(o.match))\n                        > (SELECT count(*) FROM jsonb_object_keys(cost.match))\n                    AND o.valid_from <= h.bucket AND coalesce(o.valid_to, 'infinity') >= h.bucket + interval '1 hour'\n            );\n            IF counted IS NOT NULL THEN\n                RAISE EXCEPTION 'counted_usage_keeps_its_cost: usage up to % was charged by the costs as they stand:'\n                    ' let the change begin then or later',\n                    to_char((counted + interval '1 hour') AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI UTC')\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='5ac2cc9cb98fbbfbf8e99312448006c4163d3c33', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_counted_usage_keeps_its_cost_1a26f', table='plans_unitcost', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='versiontocome',
            trigger=pgtrigger.compiler.Trigger(name='version_to_come_stays_published', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."state" IN (\'draft\', \'review\'))', func="\n            IF EXISTS (SELECT FROM billing_scheduledchange WHERE state = 'pending' AND version_id = NEW.id) THEN\n                RAISE EXCEPTION 'version_to_come_stays_published: revoke the moves to it first'\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NEW;\n        ", hash='0c717eeede735f488988215bad14cd00abd3d5c3', operation='UPDATE OF "state"', pgid='pgtrigger_version_to_come_stays_published_7fc3d', table='plans_planversion', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='clone',
            constraint=models.CheckConstraint(condition=models.Q(('until__gte', models.F('since'))), name='clone_uses_what_was_used_in_order'),
        ),
        migrations.AddConstraint(
            model_name='clone',
            constraint=models.CheckConstraint(condition=models.Q(('customer', models.F('source')), _negated=True), name='nobody_is_their_own_clone'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='clone',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='b6e4c5fb323c570cfe74712b22076b83b2a791b5', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_2dc14', table='billing_clone', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='correction',
            constraint=models.UniqueConstraint(fields=('event_key',), name='event_is_corrected_once'),
        ),
        migrations.AddConstraint(
            model_name='correction',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['void', 'replace'])), name='correction_kind_is_known'),
        ),
        migrations.AddConstraint(
            model_name='correction',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'replace'), ('replacement_key__isnull', False)), models.Q(('kind', 'void'), ('replacement_key__isnull', True)), _connector='OR'), name='only_a_replacement_has_an_event_of_its_own'),
        ),
        migrations.AddConstraint(
            model_name='correction',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='correction_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='correction',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('api_key__isnull', True), ('by__isnull', False)), models.Q(('api_key__isnull', False), ('by__isnull', True)), _connector='OR'), name='correction_says_who'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='correction',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='e9f062ccefe690a6c29461e215fe67c1c47f0dd6', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_bc3e2', table='billing_correction', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('state__in', ('queued', 'running'))), fields=['id'], name='job_open'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['usage_import', 'promotion', 'close_run', 'rendering', 'audit', 'migration_preview', 'migration', 'migration_undo', 'simulation'])), name='job_kind_is_known'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['queued', 'running', 'paused', 'done', 'failed', 'cancelled'])), name='job_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('title', ''), _negated=True), name='job_has_a_title'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('finished_at__isnull', False), ('state__in', ('done', 'failed', 'cancelled'))), models.Q(models.Q(('state__in', ('done', 'failed', 'cancelled')), _negated=True), ('finished_at__isnull', True)), _connector='OR'), name='job_says_when_it_ended'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('forgotten_at__isnull', True), ('finished_at__isnull', False), _connector='OR'), name='only_a_job_that_ended_is_forgotten'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'done'), _negated=True), models.Q(('failed', 0), ('total__isnull', False)), _connector='OR'), name='done_job_has_done_all_its_items'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'failed'), _negated=True), ('failed__gt', 0), models.Q(('error', ''), _negated=True), _connector='OR'), name='failed_job_says_what_failed'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('total__gte', 0), ('total__lte', 10000000)), name='job_has_a_bounded_number_of_items'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('cut_tries__gte', 0), ('cut_tries__lte', 1000)), name='tries_to_cut_a_job_are_bounded'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('failed', 0), models.Q(('failed__gt', 0), ('failed__lte', models.F('total')), ('total__isnull', False)), _connector='OR'), name='no_more_fails_than_there_is'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('file_bytes__gte', 0), ('file_bytes__lte', 209715200)), name='job_file_is_bounded'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('file_bytes', 0), ('file_name', ''), ('file_sha256', '')), models.Q(models.Q(('file_name', ''), _negated=True), ('file_bytes__gt', 0), ('file_sha256__regex', '^[0-9a-f]{64}$')), _connector='OR'), name='job_file_has_a_name_and_a_hash'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='job',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_jobevent" ("by_id", "created_at", "dry_run", "error", "failed", "figures", "file_bytes", "file_name", "file_sha256", "finished_at", "forgotten_at", "id", "kind", "parameters", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "started_at", "state", "title", "total") VALUES (NEW."by_id", NEW."created_at", NEW."dry_run", NEW."error", NEW."failed", NEW."figures", NEW."file_bytes", NEW."file_name", NEW."file_sha256", NEW."finished_at", NEW."forgotten_at", NEW."id", NEW."kind", NEW."parameters", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."started_at", NEW."state", NEW."title", NEW."total"); RETURN NULL;', hash='50c5a880317e6bf7bdbcdedd4a6afb82ae47405e', operation='INSERT', pgid='pgtrigger_insert_insert_b5151', table='billing_job', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='job',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."by_id" IS DISTINCT FROM (NEW."by_id") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."dry_run" IS DISTINCT FROM (NEW."dry_run") OR OLD."error" IS DISTINCT FROM (NEW."error") OR OLD."failed" IS DISTINCT FROM (NEW."failed") OR OLD."figures" IS DISTINCT FROM (NEW."figures") OR OLD."file_bytes" IS DISTINCT FROM (NEW."file_bytes") OR OLD."file_name" IS DISTINCT FROM (NEW."file_name") OR OLD."file_sha256" IS DISTINCT FROM (NEW."file_sha256") OR OLD."finished_at" IS DISTINCT FROM (NEW."finished_at") OR OLD."forgotten_at" IS DISTINCT FROM (NEW."forgotten_at") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."parameters" IS DISTINCT FROM (NEW."parameters") OR OLD."started_at" IS DISTINCT FROM (NEW."started_at") OR OLD."state" IS DISTINCT FROM (NEW."state") OR OLD."title" IS DISTINCT FROM (NEW."title") OR OLD."total" IS DISTINCT FROM (NEW."total"))', func='INSERT INTO "billing_jobevent" ("by_id", "created_at", "dry_run", "error", "failed", "figures", "file_bytes", "file_name", "file_sha256", "finished_at", "forgotten_at", "id", "kind", "parameters", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "started_at", "state", "title", "total") VALUES (NEW."by_id", NEW."created_at", NEW."dry_run", NEW."error", NEW."failed", NEW."figures", NEW."file_bytes", NEW."file_name", NEW."file_sha256", NEW."finished_at", NEW."forgotten_at", NEW."id", NEW."kind", NEW."parameters", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."started_at", NEW."state", NEW."title", NEW."total"); RETURN NULL;', hash='3aad0673c28543479e6bda6d1f9a7fde187298c0', operation='UPDATE', pgid='pgtrigger_update_update_602c5', table='billing_job', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='job',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_jobevent" ("by_id", "created_at", "dry_run", "error", "failed", "figures", "file_bytes", "file_name", "file_sha256", "finished_at", "forgotten_at", "id", "kind", "parameters", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "started_at", "state", "title", "total") VALUES (OLD."by_id", OLD."created_at", OLD."dry_run", OLD."error", OLD."failed", OLD."figures", OLD."file_bytes", OLD."file_name", OLD."file_sha256", OLD."finished_at", OLD."forgotten_at", OLD."id", OLD."kind", OLD."parameters", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."started_at", OLD."state", OLD."title", OLD."total"); RETURN NULL;', hash='a3b7429270255f4b8dff7e869b822223698dbdba', operation='DELETE', pgid='pgtrigger_delete_delete_6c8ea', table='billing_job', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='jobevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='1a0a0a229d1df66e0f5204de8a8fdb25ddcf23dd', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_71928', table='billing_jobevent', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='jobitem',
            index=models.Index(fields=['job', 'state', 'number'], name='items_of_job_by_state'),
        ),
        migrations.AddConstraint(
            model_name='jobitem',
            constraint=models.UniqueConstraint(fields=('job', 'number'), name='job_has_each_item_once'),
        ),
        migrations.AddConstraint(
            model_name='jobitem',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'done', 'failed'])), name='item_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='jobitem',
            constraint=models.CheckConstraint(condition=models.Q(('number__gte', 1), ('number__lte', 10000000)), name='items_are_numbered_from_one'),
        ),
        migrations.AddConstraint(
            model_name='jobitem',
            constraint=models.CheckConstraint(condition=models.Q(('tries__gte', 0), ('tries__lte', 1000)), name='item_tries_are_bounded'),
        ),
        migrations.AddConstraint(
            model_name='jobitem',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('finished_at__isnull', True), ('state', 'waiting')), models.Q(models.Q(('state', 'waiting'), _negated=True), ('finished_at__isnull', False)), _connector='OR'), name='item_says_when_it_ended'),
        ),
        migrations.AddConstraint(
            model_name='jobitem',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'failed'), _negated=True), models.Q(('error', ''), _negated=True), _connector='OR'), name='failed_item_says_why'),
        ),
        migrations.AddConstraint(
            model_name='jobitem',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'done'), _negated=True), ('error', ''), _connector='OR'), name='done_item_has_no_error'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='jobitem',
            trigger=pgtrigger.compiler.Trigger(name='job_item_is_done_once', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF TG_OP = 'UPDATE' AND (OLD.job_id, OLD.number) = (NEW.job_id, NEW.number) AND (\n                OLD.state <> 'done'\n                OR (OLD.state, OLD.figures, OLD.finished_at) = (NEW.state, NEW.figures, NEW.finished_at)\n                OR (SELECT dry_run FROM billing_job WHERE id = OLD.job_id)\n            ) THEN\n                RETURN NEW;\n            END IF;\n            RAISE EXCEPTION 'job_item_is_done_once: what was done stays as it is; start another job'\n            USING ERRCODE = 'restrict_violation';\n        ", hash='f6eab34746fa55420fbc8953072639b11d9b51fc', operation='UPDATE OR DELETE', pgid='pgtrigger_job_item_is_done_once_3459f', table='billing_jobitem', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='jobpart',
            constraint=models.UniqueConstraint(fields=('job', 'number'), name='file_has_each_part_once'),
        ),
        migrations.AddConstraint(
            model_name='jobpart',
            constraint=models.CheckConstraint(condition=models.Q(('number__gte', 0), ('number__lte', 200)), name='file_part_is_bounded'),
        ),
        migrations.AddConstraint(
            model_name='migration',
            constraint=models.CheckConstraint(condition=models.Q(('when__in', ['now', 'period', 'date'])), name='migration_moment_is_known'),
        ),
        migrations.AddConstraint(
            model_name='migration',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['planned', 'review', 'approved', 'begun', 'undone', 'dropped'])), name='migration_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='migration',
            constraint=models.CheckConstraint(condition=models.Q(('title', ''), _negated=True), name='migration_has_a_title'),
        ),
        migrations.AddConstraint(
            model_name='migration',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('moment__isnull', False), ('when', 'date')), models.Q(models.Q(('when', 'date'), _negated=True), ('moment__isnull', True)), _connector='OR'), name='only_a_dated_migration_has_a_moment'),
        ),
        migrations.AddConstraint(
            model_name='migration',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('from_unit', ''), ('rate__isnull', True), ('to_unit', '')), models.Q(models.Q(('from_unit', ''), _negated=True), models.Q(('to_unit', ''), _negated=True), models.Q(('from_unit', models.F('to_unit')), _negated=True), ('rate__isnull', False), ('when', 'now')), _connector='OR'), name='wallets_are_converted_between_two_units_at_a_rate'),
        ),
        migrations.AddConstraint(
            model_name='migration',
            constraint=models.CheckConstraint(condition=models.Q(('rate__isnull', True), models.Q(('rate__gt', 0), ('rate__lte', 1000000)), _connector='OR'), name='conversion_rate_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='migration',
            constraint=models.CheckConstraint(condition=models.Q(('notice_days__gte', 0), ('notice_days__lte', 365)), name='notice_is_given_a_year_ahead_at_most'),
        ),
        migrations.AddConstraint(
            model_name='migration',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('approved_at__isnull', True), ('approved_by__isnull', True)), models.Q(('approved_at__isnull', False), ('approved_by__isnull', False)), _connector='OR'), name='approved_migration_says_by_whom'),
        ),
        migrations.AddConstraint(
            model_name='migration',
            constraint=models.CheckConstraint(condition=models.Q(('approved_by__isnull', True), models.Q(('approved_by', models.F('asked_by')), _negated=True), _connector='OR'), name='nobody_approves_their_own_migration'),
        ),
        migrations.AddConstraint(
            model_name='migration',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'approved'), _negated=True), ('approved_at__isnull', False), _connector='OR'), name='approved_migration_was_approved'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='migration',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_migrationevent" ("approved_at", "approved_by_id", "asked_by_id", "created_at", "ends_overrides", "from_unit", "id", "left_out", "moment", "notice_days", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rate", "sandbox", "selection", "state", "title", "to_unit", "told_at", "version_id", "when") VALUES (NEW."approved_at", NEW."approved_by_id", NEW."asked_by_id", NEW."created_at", NEW."ends_overrides", NEW."from_unit", NEW."id", NEW."left_out", NEW."moment", NEW."notice_days", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."rate", NEW."sandbox", NEW."selection", NEW."state", NEW."title", NEW."to_unit", NEW."told_at", NEW."version_id", NEW."when"); RETURN NULL;', hash='d5dfdc2728106942ccca5321cd9e0dcf755a377b', operation='INSERT', pgid='pgtrigger_insert_insert_b4ffe', table='billing_migration', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='migration',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "billing_migrationevent" ("approved_at", "approved_by_id", "asked_by_id", "created_at", "ends_overrides", "from_unit", "id", "left_out", "moment", "notice_days", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rate", "sandbox", "selection", "state", "title", "to_unit", "told_at", "version_id", "when") VALUES (NEW."approved_at", NEW."approved_by_id", NEW."asked_by_id", NEW."created_at", NEW."ends_overrides", NEW."from_unit", NEW."id", NEW."left_out", NEW."moment", NEW."notice_days", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."rate", NEW."sandbox", NEW."selection", NEW."state", NEW."title", NEW."to_unit", NEW."told_at", NEW."version_id", NEW."when"); RETURN NULL;', hash='1b43c0d1ea87764b2ff89953102d7b4dc46172c0', operation='UPDATE', pgid='pgtrigger_update_update_96b79', table='billing_migration', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='migration',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_migrationevent" ("approved_at", "approved_by_id", "asked_by_id", "created_at", "ends_overrides", "from_unit", "id", "left_out", "moment", "notice_days", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rate", "sandbox", "selection", "state", "title", "to_unit", "told_at", "version_id", "when") VALUES (OLD."approved_at", OLD."approved_by_id", OLD."asked_by_id", OLD."created_at", OLD."ends_overrides", OLD."from_unit", OLD."id", OLD."left_out", OLD."moment", OLD."notice_days", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."rate", OLD."sandbox", OLD."selection", OLD."state", OLD."title", OLD."to_unit", OLD."told_at", OLD."version_id", OLD."when"); RETURN NULL;', hash='b979ec145212e00165330c1963a664eabd09afd3', operation='DELETE', pgid='pgtrigger_delete_delete_4117f', table='billing_migration', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='migrationevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='aca18f8fd8d35802120970989b043cef8b0d2688', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_6c40d', table='billing_migrationevent', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='draw',
            index=models.Index(condition=models.Q(('refused__gt', 0)), fields=['period'], name='draw_with_refused'),
        ),
        migrations.AddConstraint(
            model_name='draw',
            constraint=models.UniqueConstraint(fields=('period', 'plan_feature', 'window_start'), name='use_is_drawn_once'),
        ),
        migrations.AddConstraint(
            model_name='draw',
            constraint=models.CheckConstraint(condition=models.Q(('cost__gte', 0), ('cost__lte', Decimal('1E+18'))), name='drawn_cost_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='draw',
            constraint=models.CheckConstraint(condition=models.Q(('overage__gte', 0), ('overage__lte', django.db.models.expressions.CombinedExpression(models.F('cost'), '-', models.F('refused'))), ('refused__gte', 0)), name='no_more_is_missing_than_was_asked_for'),
        ),
        migrations.AddConstraint(
            model_name='counter',
            constraint=models.CheckConstraint(condition=models.Q(('carried__gte', Decimal('-1E+50')), ('carried__lte', Decimal('1E+50'))), name='carried_cost_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='counter',
            constraint=models.UniqueConstraint(fields=('period', 'plan_feature', 'rate_id', 'window_start'), name='usage_is_counted_in_one_place'),
        ),
        migrations.AddConstraint(
            model_name='counter',
            constraint=models.CheckConstraint(condition=models.Q(('events__gte', 0), ('events__lte', 1000000000000000000)), name='counted_events_are_finite'),
        ),
        migrations.AddConstraint(
            model_name='counter',
            constraint=models.CheckConstraint(condition=models.Q(('quantity__gte', Decimal('-1E+50')), ('quantity__lte', Decimal('1E+50'))), name='counted_quantity_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='counter',
            constraint=models.CheckConstraint(condition=models.Q(('fingerprint__gte', 0), ('fingerprint__lte', 100000000000000000000000000000000000000000000000000000000000)), name='counted_fingerprint_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='billedusage',
            constraint=models.UniqueConstraint(fields=('period', 'plan_feature_id', 'rate_id', 'window_start', 'high_water_mark', 'corrects_line_id'), name='usage_is_billed_once_per_high_water_mark'),
        ),
        migrations.AddConstraint(
            model_name='billedusage',
            constraint=models.CheckConstraint(condition=models.Q(('quantity__gte', Decimal('-1E+50')), ('quantity__lte', Decimal('1E+50'))), name='billed_quantity_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='billedusage',
            constraint=models.CheckConstraint(condition=models.Q(('carried__gte', Decimal('-1E+50')), ('carried__lte', Decimal('1E+50'))), name='billed_cost_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='billedusage',
            constraint=models.CheckConstraint(condition=models.Q(('metered__gte', Decimal('-1E+50')), ('metered__lte', Decimal('1E+50'))), name='billed_metered_quantity_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='billedusage',
            constraint=models.CheckConstraint(condition=models.Q(('fingerprint__gte', 0), ('fingerprint__lte', 100000000000000000000000000000000000000000000000000000000000)), name='billed_fingerprint_is_finite'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='billedusage',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='f45092f5d455022dd421cc9771f94f1d179535b5', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_690c5', table='billing_billedusage', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='couponline',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='197605fae6a8ec8d43b63f4becfd2d3e0f3b51af', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_4643d', table='billing_couponline', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='reservation',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['period', 'plan_feature'], name='reservation_that_is_open'),
        ),
        migrations.AddIndex(
            model_name='reservation',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['customer'], name='reservation_of_customer'),
        ),
        migrations.AddIndex(
            model_name='reservation',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['until'], name='reservation_by_end'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'committed', 'released', 'lapsed'])), name='reservation_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.UniqueConstraint(fields=('customer', 'reference'), name='nothing_is_reserved_twice'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.CheckConstraint(condition=models.Q(('quantity__gte', 0), ('quantity__lte', Decimal('1E+50'))), name='reserved_quantity_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.CheckConstraint(condition=models.Q(('cost__gte', 0), ('cost__lte', Decimal('1E+12'))), name='reserved_cost_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.CheckConstraint(condition=models.Q(('used__gte', Decimal('-1E+50')), ('used__lte', Decimal('1E+50'))), name='committed_quantity_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.CheckConstraint(condition=models.Q(('until__gt', models.F('at'))), name='reservation_ends_after_it_begins'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('state', 'open')), models.Q(models.Q(('state', 'open'), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='reservation_is_open_or_has_ended'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.CheckConstraint(condition=models.Q(('state', 'committed'), ('used__isnull', True), _connector='OR'), name='only_a_committed_reservation_was_used'),
        ),
        migrations.AddConstraint(
            model_name='rollout',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'done', 'withdrawn'])), name='rollout_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='rollout',
            constraint=models.CheckConstraint(condition=models.Q(('audience__in', ['cohort', 'all'])), name='rollout_is_for_a_cohort_or_all'),
        ),
        migrations.AddConstraint(
            model_name='rollout',
            constraint=models.CheckConstraint(condition=models.Q(('effective_from__gte', models.F('published_at'))), name='rollout_takes_effect_after_it_is_published'),
        ),
        migrations.AddConstraint(
            model_name='rollout',
            constraint=models.UniqueConstraint(fields=('version', 'published_at'), name='publication_is_rolled_out_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rollout',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_rolloutevent" ("audience", "by_id", "effective_from", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "published_at", "splits_periods", "state", "version_id") VALUES (NEW."audience", NEW."by_id", NEW."effective_from", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."published_at", NEW."splits_periods", NEW."state", NEW."version_id"); RETURN NULL;', hash='9ee2c3ffc73784d51bac3f568c5e07a1c036cde0', operation='INSERT', pgid='pgtrigger_insert_insert_4dc81', table='billing_rollout', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rollout',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "billing_rolloutevent" ("audience", "by_id", "effective_from", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "published_at", "splits_periods", "state", "version_id") VALUES (NEW."audience", NEW."by_id", NEW."effective_from", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."published_at", NEW."splits_periods", NEW."state", NEW."version_id"); RETURN NULL;', hash='f222ec875dc75372c75c74c0f0cf2ddd6f883572', operation='UPDATE', pgid='pgtrigger_update_update_d9f9c', table='billing_rollout', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rollout',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_rolloutevent" ("audience", "by_id", "effective_from", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "published_at", "splits_periods", "state", "version_id") VALUES (OLD."audience", OLD."by_id", OLD."effective_from", OLD."id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."published_at", OLD."splits_periods", OLD."state", OLD."version_id"); RETURN NULL;', hash='246e7ab455b454c474043ab880d40b6f3ca21862', operation='DELETE', pgid='pgtrigger_delete_delete_ad3c3', table='billing_rollout', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rolloutevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='d8a3a57b2db7da5337840fe84b1b21927c3cf9ca', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_3e927', table='billing_rolloutevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='series',
            constraint=models.UniqueConstraint(fields=('period', 'meter', 'dimensions'), name='usage_is_rolled_up_in_one_place'),
        ),
        migrations.AddConstraint(
            model_name='level',
            constraint=models.CheckConstraint(condition=models.Q(('value__gte', Decimal('-1E+50')), ('value__lte', Decimal('1E+50'))), name='level_is_finite'),
        ),
        migrations.AddIndex(
            model_name='hour',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['bucket'], name='rollup_by_hour', pages_per_range=32),
        ),
        migrations.AddConstraint(
            model_name='hour',
            constraint=models.CheckConstraint(condition=models.Q(('events__gte', 0), ('events__lte', 1000000000000000000)), name='rolled_up_events_are_finite'),
        ),
        migrations.AddConstraint(
            model_name='hour',
            constraint=models.CheckConstraint(condition=models.Q(('quantity__gte', Decimal('-1E+50')), ('quantity__lte', Decimal('1E+50'))), name='rolled_up_quantity_is_finite'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='settlement',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='0bc4190b58f8b4c92f8fe918b947f5a57e6a9796', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_e056b', table='billing_settlement', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='subscription',
            index=models.Index(condition=models.Q(('state', 'trialing')), fields=['trial_ends_at'], name='subscription_in_trial'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'trialing', 'active', 'paused', 'cancelled', 'ended'])), name='subscription_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.UniqueConstraint(fields=('external_id', 'sandbox'), name='external_id_names_one_subscription', opclasses=['varchar_pattern_ops', 'bool_ops']),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__isnull', True), ('ends_at__gte', models.F('starts_at')), _connector='OR'), name='subscription_ends_after_it_starts'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'cancelled'), _negated=True), models.Q(('cancelled_at__isnull', False), ('ends_at__isnull', False)), _connector='OR'), name='cancelled_subscription_says_when'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.CheckConstraint(condition=models.Q(('state', 'draft'), ('drafted', {}), _connector='OR'), name='only_a_draft_is_still_to_begin'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.CheckConstraint(condition=models.Q(('term_ends_at__isnull', True), models.Q(('state__in', ('cancelled', 'ended')), ('term_ends_at__gte', models.F('ends_at'))), _connector='OR'), name='only_what_is_cancelled_had_a_later_end'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.CheckConstraint(condition=models.Q(('trial_ends_at__isnull', True), models.Q(('trial_ends_at__gt', models.F('starts_at')), ('trial_ends_at__lt', django.db.models.expressions.CombinedExpression(models.F('starts_at'), '+', models.Value(datetime.timedelta(days=731))))), _connector='OR'), name='trial_ends_after_it_starts'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'trialing'), _negated=True), ('trial_ends_at__isnull', False), _connector='OR'), name='subscription_in_trial_says_until_when'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='subscription',
            trigger=pgtrigger.compiler.Trigger(name='sandbox_alone_tries_drafts', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN (NEW.state <> 'draft')", func="\n            IF EXISTS (\n                SELECT FROM plans_planversion v WHERE v.id = NEW.version_id AND v.state IN ('draft', 'review')\n                    AND NOT (NEW.sandbox AND v.tried_at IS NOT NULL)\n            ) THEN\n                RAISE EXCEPTION 'sandbox_alone_tries_drafts: publish the version first'\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NEW;\n        ", hash='2e22dfbe406ec7aa9e1a2cf1bff3391e0a1cff93', operation='INSERT OR UPDATE OF "version_id", "state"', pgid='pgtrigger_sandbox_alone_tries_drafts_34bda', table='billing_subscription', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='subscription',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_subscriptionevent" ("anchor_at", "cancelled_at", "created_at", "currency", "customer_id", "drafted", "ends_at", "external_id", "id", "named", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "sandbox", "starts_at", "state", "term_ends_at", "trial_ends_at", "version_id") VALUES (NEW."anchor_at", NEW."cancelled_at", NEW."created_at", NEW."currency", NEW."customer_id", NEW."drafted", NEW."ends_at", NEW."external_id", NEW."id", NEW."named", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."sandbox", NEW."starts_at", NEW."state", NEW."term_ends_at", NEW."trial_ends_at", NEW."version_id"); RETURN NULL;', hash='1e3bb88d6b5f78f1a201cfacc7766819b93d7623', operation='INSERT', pgid='pgtrigger_insert_insert_6f62d', table='billing_subscription', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='subscription',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "billing_subscriptionevent" ("anchor_at", "cancelled_at", "created_at", "currency", "customer_id", "drafted", "ends_at", "external_id", "id", "named", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "sandbox", "starts_at", "state", "term_ends_at", "trial_ends_at", "version_id") VALUES (NEW."anchor_at", NEW."cancelled_at", NEW."created_at", NEW."currency", NEW."customer_id", NEW."drafted", NEW."ends_at", NEW."external_id", NEW."id", NEW."named", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."sandbox", NEW."starts_at", NEW."state", NEW."term_ends_at", NEW."trial_ends_at", NEW."version_id"); RETURN NULL;', hash='193365486cc2423d43bb000738becff57a7d28bf', operation='UPDATE', pgid='pgtrigger_update_update_5c2d2', table='billing_subscription', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='subscription',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_subscriptionevent" ("anchor_at", "cancelled_at", "created_at", "currency", "customer_id", "drafted", "ends_at", "external_id", "id", "named", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "sandbox", "starts_at", "state", "term_ends_at", "trial_ends_at", "version_id") VALUES (OLD."anchor_at", OLD."cancelled_at", OLD."created_at", OLD."currency", OLD."customer_id", OLD."drafted", OLD."ends_at", OLD."external_id", OLD."id", OLD."named", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."sandbox", OLD."starts_at", OLD."state", OLD."term_ends_at", OLD."trial_ends_at", OLD."version_id"); RETURN NULL;', hash='77756f002960499d8eaeba4c543e5354fc35e448', operation='DELETE', pgid='pgtrigger_delete_delete_bb9c3', table='billing_subscription', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='spendcapevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='03e44adcbcf7e6f8281b5db1d88ab313cd327255', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_15b00', table='billing_spendcapevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='spendcap',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0), ('amount__lte', Decimal('1E+12'))), name='cap_amount_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='spendcap',
            constraint=models.CheckConstraint(condition=models.Q(('action__in', ['notify', 'stop', 'throttle'])), name='cap_action_is_known'),
        ),
        migrations.AddConstraint(
            model_name='spendcap',
            constraint=models.CheckConstraint(condition=models.Q(('set_by__in', ['finance', 'customer'])), name='cap_setter_is_known'),
        ),
        migrations.AddConstraint(
            model_name='spendcap',
            constraint=models.CheckConstraint(condition=models.Q(('per_minute__gte', 1), ('per_minute__lte', 1000000)), name='throttled_uses_are_1_to_a_million'),
        ),
        migrations.AddConstraint(
            model_name='spendcap',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('action', 'throttle'), ('per_minute__isnull', False)), models.Q(models.Q(('action', 'throttle'), _negated=True), ('per_minute__isnull', True)), _connector='OR'), name='only_a_throttle_lets_uses_through'),
        ),
        migrations.AddConstraint(
            model_name='spendcap',
            constraint=models.UniqueConstraint(fields=('subscription', 'customer', 'feature', 'match', 'currency', 'set_by'), name='spend_is_capped_once_by_each', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='spendcap',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('customer__isnull', True), ('subscription__isnull', False)), models.Q(('customer__isnull', False), ('subscription__isnull', True)), _connector='OR'), name='spend_of_a_subscription_or_a_customer_is_capped'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='spendcap',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_spendcapevent" ("action", "amount", "created_at", "currency", "customer_id", "feature_id", "id", "match", "per_minute", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "set_by", "subscription_id") VALUES (NEW."action", NEW."amount", NEW."created_at", NEW."currency", NEW."customer_id", NEW."feature_id", NEW."id", NEW."match", NEW."per_minute", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."set_by", NEW."subscription_id"); RETURN NULL;', hash='675c5cf40af0e13388fc2cdb404c3e27d6d7f098', operation='INSERT', pgid='pgtrigger_insert_insert_81f33', table='billing_spendcap', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='spendcap',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "billing_spendcapevent" ("action", "amount", "created_at", "currency", "customer_id", "feature_id", "id", "match", "per_minute", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "set_by", "subscription_id") VALUES (NEW."action", NEW."amount", NEW."created_at", NEW."currency", NEW."customer_id", NEW."feature_id", NEW."id", NEW."match", NEW."per_minute", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."set_by", NEW."subscription_id"); RETURN NULL;', hash='812f633348193db84baa50a058fa6bfb127a1727', operation='UPDATE', pgid='pgtrigger_update_update_aa7d7', table='billing_spendcap', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='spendcap',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_spendcapevent" ("action", "amount", "created_at", "currency", "customer_id", "feature_id", "id", "match", "per_minute", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "set_by", "subscription_id") VALUES (OLD."action", OLD."amount", OLD."created_at", OLD."currency", OLD."customer_id", OLD."feature_id", OLD."id", OLD."match", OLD."per_minute", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."set_by", OLD."subscription_id"); RETURN NULL;', hash='4e46a557d66eeb20cf056e9de2c41babe966544f', operation='DELETE', pgid='pgtrigger_delete_delete_20a68', table='billing_spendcap', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='simulationresult',
            index=models.Index(fields=['job', 'version', '-change'], name='simulated_by_change'),
        ),
        migrations.AddIndex(
            model_name='simulationresult',
            index=models.Index(models.F('job'), models.F('version'), models.OrderBy(models.F('percent'), descending=True, nulls_last=True), name='simulated_by_percent'),
        ),
        migrations.AddConstraint(
            model_name='simulationresult',
            constraint=models.UniqueConstraint(fields=('job', 'version', 'subscription'), name='subscription_is_simulated_once_by_a_version'),
        ),
        migrations.AddConstraint(
            model_name='simulationresult',
            constraint=models.CheckConstraint(condition=models.Q(('digest__regex', '^[0-9a-f]{64}$')), name='simulated_bill_has_a_digest'),
        ),
        migrations.AddConstraint(
            model_name='simulationresult',
            constraint=models.CheckConstraint(condition=models.Q(('change', django.db.models.expressions.CombinedExpression(models.F('after'), '-', models.F('before')))), name='simulated_change_adds_up'),
        ),
        migrations.AddConstraint(
            model_name='simulationresult',
            constraint=models.CheckConstraint(condition=models.Q(('before__gte', Decimal('-1E+12')), ('before__lte', Decimal('1E+12'))), name='simulated_before_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='simulationresult',
            constraint=models.CheckConstraint(condition=models.Q(('after__gte', Decimal('-1E+12')), ('after__lte', Decimal('1E+12'))), name='simulated_after_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='simulationresult',
            constraint=models.CheckConstraint(condition=models.Q(('change__gte', Decimal('-1E+12')), ('change__lte', Decimal('1E+12'))), name='simulated_change_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='simulationresult',
            constraint=models.CheckConstraint(condition=models.Q(('percent__gte', Decimal('-1E+12')), ('percent__lte', Decimal('1E+12'))), name='simulated_percent_is_finite'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='scheduledchangeevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='42030284ef712d33d0d177125b44ddd702ed065a', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_f1117', table='billing_scheduledchangeevent', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='scheduledchange',
            index=models.Index(condition=models.Q(('state', 'pending')), fields=['moment'], name='change_to_come'),
        ),
        migrations.AddIndex(
            model_name='scheduledchange',
            index=models.Index(fields=['subscription', '-id'], name='change_of_subscription'),
        ),
        migrations.AddConstraint(
            model_name='scheduledchange',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['pending', 'done', 'revoked', 'refused'])), name='change_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='scheduledchange',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('state', 'pending')), models.Q(models.Q(('state', 'pending'), _negated=True), ('decided_at__isnull', False)), _connector='OR'), name='decided_change_says_when'),
        ),
        migrations.AddConstraint(
            model_name='scheduledchange',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'refused'), _negated=True), models.Q(('problem', ''), _negated=True), _connector='OR'), name='refused_change_says_why'),
        ),
        migrations.AddConstraint(
            model_name='scheduledchange',
            constraint=models.UniqueConstraint(condition=models.Q(('rollout__isnull', False)), fields=('rollout', 'subscription'), name='rollout_schedules_a_subscription_once'),
        ),
        migrations.AddConstraint(
            model_name='scheduledchange',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'pending')), fields=('subscription',), name='subscription_has_one_change_to_come'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='scheduledchange',
            trigger=pgtrigger.compiler.Trigger(name='scheduled_change_is_decided_once', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF TG_OP = 'UPDATE' AND OLD.state = 'pending' AND NEW.state <> 'refused' AND\n               (to_jsonb(NEW) - ARRAY['state', 'problem', 'decided_at'])\n               = (to_jsonb(OLD) - ARRAY['state', 'problem', 'decided_at']) THEN\n                RETURN NEW;\n            END IF;\n            IF TG_OP = 'UPDATE' AND OLD.state = 'pending' AND NEW.state = 'pending' AND OLD.splits_period AND\n               NEW.moment > OLD.moment AND NEW.problem <> '' AND\n               (to_jsonb(NEW) - ARRAY['moment', 'splits_period', 'problem'])\n               = (to_jsonb(OLD) - ARRAY['moment', 'splits_period', 'problem']) THEN\n                RETURN NEW;\n            END IF;\n            RAISE EXCEPTION 'scheduled_change_is_decided_once: it may only be done or revoked; schedule another one'\n            USING ERRCODE = 'restrict_violation';\n        ", hash='2622fdd2bf616337cce5d3006d7e8c59996aaf1b', operation='UPDATE OR DELETE', pgid='pgtrigger_scheduled_change_is_decided_once_4ee9f', table='billing_scheduledchange', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='scheduledchange',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_scheduledchangeevent" ("decided_at", "from_version_id", "id", "moment", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "problem", "rollout_id", "splits_period", "state", "subscription_id", "version_id") VALUES (NEW."decided_at", NEW."from_version_id", NEW."id", NEW."moment", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."problem", NEW."rollout_id", NEW."splits_period", NEW."state", NEW."subscription_id", NEW."version_id"); RETURN NULL;', hash='8ac196468398d1b03bf1cae081d23d7e9e118fd9', operation='INSERT', pgid='pgtrigger_insert_insert_c207b', table='billing_scheduledchange', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='scheduledchange',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "billing_scheduledchangeevent" ("decided_at", "from_version_id", "id", "moment", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "problem", "rollout_id", "splits_period", "state", "subscription_id", "version_id") VALUES (NEW."decided_at", NEW."from_version_id", NEW."id", NEW."moment", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."problem", NEW."rollout_id", NEW."splits_period", NEW."state", NEW."subscription_id", NEW."version_id"); RETURN NULL;', hash='d8c74451cffd45005a155bd8a5f0ab516b9b6668', operation='UPDATE', pgid='pgtrigger_update_update_9d9f9', table='billing_scheduledchange', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='scheduledchange',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_scheduledchangeevent" ("decided_at", "from_version_id", "id", "moment", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "problem", "rollout_id", "splits_period", "state", "subscription_id", "version_id") VALUES (OLD."decided_at", OLD."from_version_id", OLD."id", OLD."moment", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."problem", OLD."rollout_id", OLD."splits_period", OLD."state", OLD."subscription_id", OLD."version_id"); RETURN NULL;', hash='66130aeff7c54512f15551c17ed23531c43c9257', operation='DELETE', pgid='pgtrigger_delete_delete_328d3', table='billing_scheduledchange', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='redemptionevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='ec5f433a6f8439f2c1a0f913b0ca04a96975f54d', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_fcda1', table='billing_redemptionevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='redemption',
            constraint=models.UniqueConstraint(fields=('subscription', 'position'), name='coupons_are_applied_in_one_order'),
        ),
        migrations.AddConstraint(
            model_name='redemption',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('subscription', 'coupon'), name='coupon_is_held_once_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='redemption',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('ended_reason', '')), models.Q(('ended_at__gte', models.F('since')), ('ended_at__isnull', False)), _connector='OR'), name='redemption_ends_after_it_starts'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='redemption',
            trigger=pgtrigger.compiler.Trigger(name='redemption_only_ends', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF TG_OP = 'UPDATE' AND OLD.ended_at IS NULL\n               AND (to_jsonb(NEW) - ARRAY['ended_at', 'ended_reason'])\n                   = (to_jsonb(OLD) - ARRAY['ended_at', 'ended_reason']) THEN\n                RETURN NEW;\n            END IF;\n            RAISE EXCEPTION 'redemption_only_ends: take the coupon away and give it anew'\n            USING ERRCODE = 'restrict_violation';\n        ", hash='db82453013f818c53e9565b99c73cc6315f12216', operation='UPDATE OR DELETE', pgid='pgtrigger_redemption_only_ends_f24d2', table='billing_redemption', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='redemption',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_redemptionevent" ("coupon_id", "created_at", "ended_at", "ended_reason", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "promotion_id", "redeemed_by_id", "since", "subscription_id") VALUES (NEW."coupon_id", NEW."created_at", NEW."ended_at", NEW."ended_reason", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."position", NEW."promotion_id", NEW."redeemed_by_id", NEW."since", NEW."subscription_id"); RETURN NULL;', hash='40c7bc10737a936dc431ecade658a97635aa8667', operation='INSERT', pgid='pgtrigger_insert_insert_31a52', table='billing_redemption', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='redemption',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "billing_redemptionevent" ("coupon_id", "created_at", "ended_at", "ended_reason", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "promotion_id", "redeemed_by_id", "since", "subscription_id") VALUES (NEW."coupon_id", NEW."created_at", NEW."ended_at", NEW."ended_reason", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."position", NEW."promotion_id", NEW."redeemed_by_id", NEW."since", NEW."subscription_id"); RETURN NULL;', hash='33fbaf88190fa15688af1082ef2b6031e2df6d16', operation='UPDATE', pgid='pgtrigger_update_update_90809', table='billing_redemption', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='redemption',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_redemptionevent" ("coupon_id", "created_at", "ended_at", "ended_reason", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "promotion_id", "redeemed_by_id", "since", "subscription_id") VALUES (OLD."coupon_id", OLD."created_at", OLD."ended_at", OLD."ended_reason", OLD."id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."position", OLD."promotion_id", OLD."redeemed_by_id", OLD."since", OLD."subscription_id"); RETURN NULL;', hash='44f723d603b33c7b067661e0ece8a33e5318b938', operation='DELETE', pgid='pgtrigger_delete_delete_80122', table='billing_redemption', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='periodgrant',
            index=models.Index(fields=['starts_at'], name='period_grant_by_start'),
        ),
        migrations.AddIndex(
            model_name='period',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['due_at', 'id'], name='period_due'),
        ),
        migrations.AddIndex(
            model_name='period',
            index=models.Index(condition=models.Q(('late_since__isnull', False)), fields=['subscription'], name='period_late'),
        ),
        migrations.AddIndex(
            model_name='period',
            index=models.Index(condition=models.Q(('state', 'open'), models.Q(('error', ''), _negated=True)), fields=['id'], name='period_failed'),
        ),
        migrations.AddIndex(
            model_name='period',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['due_at'], name='period_by_due', pages_per_range=32),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['opening', 'regular', 'undone'])), name='period_kind_is_known'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'closed'])), name='period_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ends_at', models.F('starts_at')), ('kind', 'opening')), models.Q(('ends_at__gt', models.F('starts_at')), ('kind', 'regular')), models.Q(('ends_at__gte', models.F('starts_at')), ('kind', 'undone')), _connector='OR'), name='only_an_opening_period_is_empty'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(('due_at__gte', models.F('ends_at'))), name='period_is_never_due_before_its_end'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', True), ('invoice__isnull', True), ('state', 'open')), models.Q(('closed_at__gte', models.F('ends_at')), ('closed_at__isnull', False), ('state', 'closed')), _connector='OR'), name='period_is_closed_after_its_end'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.UniqueConstraint(fields=('subscription', 'kind', 'starts_at'), name='period_starts_once'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.UniqueConstraint(condition=models.Q(('continues__isnull', False)), fields=('continues',), name='period_is_continued_once'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(('continues__isnull', True), ('kind', 'regular'), _connector='OR'), name='only_regular_periods_continue'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(('settles', ''), models.Q(('kind', 'regular'), ('settles__in', ['charge', 'balance', 'refund'])), _connector='OR'), name='period_settles_in_a_known_way'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(('is_trial', False), models.Q(('continues__isnull', True), ('kind', 'regular')), _connector='OR'), name='trial_is_a_period_of_its_own'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('kind', 'undone'), _negated=True), expressions=[('subscription', '='), (models.Func('starts_at', 'ends_at', function='TSTZRANGE', output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField()), '&&')], name='periods_of_a_subscription_never_overlap'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'undone'), _negated=True), models.Q(('continues__isnull', True), ('late_since__isnull', True), ('state', 'closed')), _connector='OR'), name='undone_period_is_over_and_done_with'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='pauseevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='8bf39a15100d2f87488937f215d3c12e62e667b9', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_57ca6', table='billing_pauseevent', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='pause',
            index=models.Index(condition=models.Q(('state', 'to_come')), fields=['starts_at'], name='pause_to_come'),
        ),
        migrations.AddIndex(
            model_name='pause',
            index=models.Index(condition=models.Q(('state', 'running')), fields=['ends_at'], name='pause_running'),
        ),
        migrations.AddConstraint(
            model_name='pause',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['to_come', 'running', 'over', 'revoked'])), name='pause_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='pause',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__isnull', True), ('ends_at__gt', models.F('starts_at')), _connector='OR'), name='pause_ends_after_it_starts'),
        ),
        migrations.AddConstraint(
            model_name='pause',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'over'), _negated=True), ('ends_at__isnull', False), _connector='OR'), name='pause_that_is_over_says_when'),
        ),
        migrations.AddConstraint(
            model_name='pause',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ('to_come', 'running'))), fields=('subscription',), name='subscription_has_one_pause_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='pause',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('state', 'revoked'), _negated=True), expressions=[('subscription', '='), (models.Func('starts_at', 'ends_at', function='TSTZRANGE', output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField()), '&&')], name='pauses_of_a_subscription_never_overlap'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='pause',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_pauseevent" ("created_at", "ends_at", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "starts_at", "state", "subscription_id") VALUES (NEW."created_at", NEW."ends_at", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."reason", NEW."starts_at", NEW."state", NEW."subscription_id"); RETURN NULL;', hash='bdb908b440aec14fdf08e2cf35a88d62819a1d1b', operation='INSERT', pgid='pgtrigger_insert_insert_fce58', table='billing_pause', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='pause',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "billing_pauseevent" ("created_at", "ends_at", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "starts_at", "state", "subscription_id") VALUES (NEW."created_at", NEW."ends_at", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."reason", NEW."starts_at", NEW."state", NEW."subscription_id"); RETURN NULL;', hash='df81da1201322c8b9d4eb17bbaa356f8c04ec7c6', operation='UPDATE', pgid='pgtrigger_update_update_32c85', table='billing_pause', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='pause',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_pauseevent" ("created_at", "ends_at", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "starts_at", "state", "subscription_id") VALUES (OLD."created_at", OLD."ends_at", OLD."id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."reason", OLD."starts_at", OLD."state", OLD."subscription_id"); RETURN NULL;', hash='99ac4e7c5412d2c92e0230f44e884c25ac97afd5', operation='DELETE', pgid='pgtrigger_delete_delete_1089d', table='billing_pause', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='owncommitmentevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='5d69d7353866dfd4010fe96ececb2b3479546642', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_fac3a', table='billing_owncommitmentevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='owncommitment',
            constraint=models.CheckConstraint(condition=models.Q(('minimum__gte', 0), ('minimum__lte', Decimal('1E+12'))), name='owncommitment_minimum_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='owncommitment',
            constraint=models.CheckConstraint(condition=models.Q(('periods__gte', 1), ('periods__lte', 120)), name='owncommitment_lasts_1_to_120_periods'),
        ),
        migrations.AddConstraint(
            model_name='owncommitment',
            constraint=models.CheckConstraint(condition=models.Q(('overage_factor__gte', 0), ('overage_factor__lte', Decimal('100'))), name='owncommitment_factor_is_0_to_100'),
        ),
        migrations.AddConstraint(
            model_name='owncommitment',
            constraint=models.CheckConstraint(condition=models.Q(('discount__gte', 0), ('discount__lte', 100)), name='owncommitment_discount_is_0_to_100_percent'),
        ),
        migrations.AddConstraint(
            model_name='owncommitment',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__isnull', True), ('ends_at__gte', models.F('starts_at')), _connector='OR'), name='own_commitment_ends_after_it_starts'),
        ),
        migrations.AddConstraint(
            model_name='owncommitment',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('subscription', '='), (models.Func('starts_at', 'ends_at', function='TSTZRANGE', output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField()), '&&')], name='subscription_has_one_commitment_at_a_time'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='owncommitment',
            trigger=pgtrigger.compiler.Trigger(name='agreement_leaves_billed_periods_alone', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE since timestamptz;', func="\n            IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE'\n                AND (to_jsonb(NEW) - 'ends_at') <> (to_jsonb(OLD) - 'ends_at')) THEN\n                RAISE EXCEPTION 'agreement_leaves_billed_periods_alone: end it, and make another'\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'INSERT' THEN since := NEW.starts_at;\n            ELSE since := least(coalesce(OLD.ends_at, 'infinity'), coalesce(NEW.ends_at, 'infinity'));\n            END IF;\n            IF EXISTS (\n                SELECT FROM billing_period p WHERE p.subscription_id = NEW.subscription_id\n                AND p.kind = 'regular' AND p.state = 'closed' AND p.starts_at >= since\n            ) THEN\n                RAISE EXCEPTION 'agreement_leaves_billed_periods_alone: what began after % is billed already', since\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NEW;\n        ", hash='5d10e3d25b7f69ad94491bb673573e3ead25a958', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_agreement_leaves_billed_periods_alone_fc937', table='billing_owncommitment', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='owncommitment',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_owncommitmentevent" ("created_at", "created_by_id", "currency", "discount", "ends_at", "id", "minimum", "overage_factor", "periods", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "starts_at", "subscription_id", "trues_up") VALUES (NEW."created_at", NEW."created_by_id", NEW."currency", NEW."discount", NEW."ends_at", NEW."id", NEW."minimum", NEW."overage_factor", NEW."periods", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."reason", NEW."starts_at", NEW."subscription_id", NEW."trues_up"); RETURN NULL;', hash='b3b5f5aa4a9315014d98c5c1dc2fa7eafd74b64b', operation='INSERT', pgid='pgtrigger_insert_insert_5dd56', table='billing_owncommitment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='owncommitment',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "billing_owncommitmentevent" ("created_at", "created_by_id", "currency", "discount", "ends_at", "id", "minimum", "overage_factor", "periods", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "starts_at", "subscription_id", "trues_up") VALUES (NEW."created_at", NEW."created_by_id", NEW."currency", NEW."discount", NEW."ends_at", NEW."id", NEW."minimum", NEW."overage_factor", NEW."periods", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."reason", NEW."starts_at", NEW."subscription_id", NEW."trues_up"); RETURN NULL;', hash='feb4144b7c149841e2fdb9f6583482f00b0b2971', operation='UPDATE', pgid='pgtrigger_update_update_518bf', table='billing_owncommitment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='owncommitment',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_owncommitmentevent" ("created_at", "created_by_id", "currency", "discount", "ends_at", "id", "minimum", "overage_factor", "periods", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "starts_at", "subscription_id", "trues_up") VALUES (OLD."created_at", OLD."created_by_id", OLD."currency", OLD."discount", OLD."ends_at", OLD."id", OLD."minimum", OLD."overage_factor", OLD."periods", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."reason", OLD."starts_at", OLD."subscription_id", OLD."trues_up"); RETURN NULL;', hash='6a51a6b2df222c4743b8c2d1ebbd8540b531d067', operation='DELETE', pgid='pgtrigger_delete_delete_0a433', table='billing_owncommitment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='overrideevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='736d89b1d27bd7edb115926f97fe0ca0b343e6b6', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_3bbca', table='billing_overrideevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='override',
            constraint=models.CheckConstraint(condition=models.Q(('what__in', ['included', 'price', 'percent', 'minimum', 'maximum'])), name='overridden_figure_is_known'),
        ),
        migrations.AddConstraint(
            model_name='override',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('value__gte', 0), ('value__lte', Decimal('1E+50')), ('what', 'included')), models.Q(('value__gte', -100), ('value__lte', 1000), ('what', 'percent')), models.Q(('value__gte', 0), ('value__lte', Decimal('1E+12')), ('what__in', ['price', 'minimum', 'maximum'])), _connector='OR'), name='override_is_within_its_bounds'),
        ),
        migrations.AddConstraint(
            model_name='override',
            constraint=models.CheckConstraint(condition=models.Q(('what', 'price'), ('match', {}), _connector='OR'), name='only_a_price_is_of_a_rate'),
        ),
        migrations.AddConstraint(
            model_name='override',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__isnull', True), ('ends_at__gte', models.F('starts_at')), _connector='OR'), name='override_ends_after_it_starts'),
        ),
        migrations.AddConstraint(
            model_name='override',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('subscription', '='), ('feature', '='), ('what', '='), (django.db.models.functions.comparison.Cast('match', models.TextField()), '='), (models.Func('starts_at', 'ends_at', function='TSTZRANGE', output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField()), '&&')], name='figure_is_overridden_once_at_a_time'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='override',
            trigger=pgtrigger.compiler.Trigger(name='agreement_leaves_billed_periods_alone', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE since timestamptz;', func="\n            IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE'\n                AND (to_jsonb(NEW) - 'ends_at') <> (to_jsonb(OLD) - 'ends_at')) THEN\n                RAISE EXCEPTION 'agreement_leaves_billed_periods_alone: end it, and make another'\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'INSERT' THEN since := NEW.starts_at;\n            ELSE since := least(coalesce(OLD.ends_at, 'infinity'), coalesce(NEW.ends_at, 'infinity'));\n            END IF;\n            IF EXISTS (\n                SELECT FROM billing_period p WHERE p.subscription_id = NEW.subscription_id\n                AND p.kind = 'regular' AND p.state = 'closed' AND p.starts_at >= since\n            ) THEN\n                RAISE EXCEPTION 'agreement_leaves_billed_periods_alone: what began after % is billed already', since\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NEW;\n        ", hash='f6a30b435c3e16d6659272d111c937e5605efdea', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_agreement_leaves_billed_periods_alone_0244f', table='billing_override', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='override',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_overrideevent" ("created_at", "created_by_id", "ends_at", "feature_id", "id", "match", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "starts_at", "subscription_id", "value", "what") VALUES (NEW."created_at", NEW."created_by_id", NEW."ends_at", NEW."feature_id", NEW."id", NEW."match", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."reason", NEW."starts_at", NEW."subscription_id", NEW."value", NEW."what"); RETURN NULL;', hash='18a1cca6b05c402ad853ad1366a3321458922c0b', operation='INSERT', pgid='pgtrigger_insert_insert_a4908', table='billing_override', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='override',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "billing_overrideevent" ("created_at", "created_by_id", "ends_at", "feature_id", "id", "match", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "starts_at", "subscription_id", "value", "what") VALUES (NEW."created_at", NEW."created_by_id", NEW."ends_at", NEW."feature_id", NEW."id", NEW."match", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."reason", NEW."starts_at", NEW."subscription_id", NEW."value", NEW."what"); RETURN NULL;', hash='07ca914a72d5da9606c95f70deb516fe8cd778ea', operation='UPDATE', pgid='pgtrigger_update_update_51ca7', table='billing_override', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='override',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_overrideevent" ("created_at", "created_by_id", "ends_at", "feature_id", "id", "match", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "starts_at", "subscription_id", "value", "what") VALUES (OLD."created_at", OLD."created_by_id", OLD."ends_at", OLD."feature_id", OLD."id", OLD."match", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."reason", OLD."starts_at", OLD."subscription_id", OLD."value", OLD."what"); RETURN NULL;', hash='157c4f93ff59e9f69f46795bf93c174b157d0376', operation='DELETE', pgid='pgtrigger_delete_delete_41511', table='billing_override', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='moveevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='45ad29cff9dd014862f855557553050e586a1d40', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_a0817', table='billing_moveevent', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='move',
            index=models.Index(fields=['migration', 'state', 'id'], name='moves_of_migration_by_state'),
        ),
        migrations.AddConstraint(
            model_name='move',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'excluded', 'refused', 'scheduled', 'moved', 'undone'])), name='move_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='move',
            constraint=models.UniqueConstraint(fields=('migration', 'subscription'), name='migration_moves_a_subscription_once'),
        ),
        migrations.AddConstraint(
            model_name='move',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'refused'), _negated=True), models.Q(('problem', ''), _negated=True), _connector='OR'), name='refused_move_says_why'),
        ),
        migrations.AddConstraint(
            model_name='move',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('moved_at__isnull', False), ('state__in', ['scheduled', 'moved', 'undone'])), models.Q(models.Q(('state__in', ['scheduled', 'moved', 'undone']), _negated=True), ('moved_at__isnull', True)), _connector='OR'), name='move_says_when_it_was_made'),
        ),
        migrations.AddConstraint(
            model_name='move',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'undone'), ('undone_at__isnull', False)), models.Q(models.Q(('state', 'undone'), _negated=True), ('undone_at__isnull', True)), _connector='OR'), name='undone_move_says_when'),
        ),
        migrations.AddConstraint(
            model_name='move',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'scheduled'), _negated=True), ('change__isnull', False), _connector='OR'), name='scheduled_move_names_its_change'),
        ),
        migrations.AddConstraint(
            model_name='move',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'moved'), _negated=True), ('part__isnull', False), _connector='OR'), name='move_names_the_period_it_made'),
        ),
        migrations.AddConstraint(
            model_name='move',
            constraint=models.CheckConstraint(condition=models.Q(('before__gte', Decimal('-1E+12')), ('before__lte', Decimal('1E+12'))), name='bill_before_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='move',
            constraint=models.CheckConstraint(condition=models.Q(('after__gte', Decimal('-1E+12')), ('after__lte', Decimal('1E+12'))), name='bill_after_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='move',
            constraint=models.CheckConstraint(condition=models.Q(('switch__gte', Decimal('-1E+12')), ('switch__lte', Decimal('1E+12'))), name='bill_of_a_change_is_finite'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='move',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_moveevent" ("after", "before", "change_id", "ended", "from_version_id", "id", "migration_id", "moved_at", "part_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "previewed_at", "problem", "state", "subscription_id", "switch", "undone_at", "warnings") VALUES (NEW."after", NEW."before", NEW."change_id", NEW."ended", NEW."from_version_id", NEW."id", NEW."migration_id", NEW."moved_at", NEW."part_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."previewed_at", NEW."problem", NEW."state", NEW."subscription_id", NEW."switch", NEW."undone_at", NEW."warnings"); RETURN NULL;', hash='ba0215249f51fe35c32e116b652fe6fde5372c40', operation='INSERT', pgid='pgtrigger_insert_insert_8674b', table='billing_move', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='move',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "billing_moveevent" ("after", "before", "change_id", "ended", "from_version_id", "id", "migration_id", "moved_at", "part_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "previewed_at", "problem", "state", "subscription_id", "switch", "undone_at", "warnings") VALUES (NEW."after", NEW."before", NEW."change_id", NEW."ended", NEW."from_version_id", NEW."id", NEW."migration_id", NEW."moved_at", NEW."part_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."previewed_at", NEW."problem", NEW."state", NEW."subscription_id", NEW."switch", NEW."undone_at", NEW."warnings"); RETURN NULL;', hash='1832b84a420eab1b0032af389b49002f50e6a52b', operation='UPDATE', pgid='pgtrigger_update_update_78007', table='billing_move', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='move',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_moveevent" ("after", "before", "change_id", "ended", "from_version_id", "id", "migration_id", "moved_at", "part_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "previewed_at", "problem", "state", "subscription_id", "switch", "undone_at", "warnings") VALUES (OLD."after", OLD."before", OLD."change_id", OLD."ended", OLD."from_version_id", OLD."id", OLD."migration_id", OLD."moved_at", OLD."part_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."previewed_at", OLD."problem", OLD."state", OLD."subscription_id", OLD."switch", OLD."undone_at", OLD."warnings"); RETURN NULL;', hash='4e736da5bf1b936f52d4ceef0e8387bb67d28a37', operation='DELETE', pgid='pgtrigger_delete_delete_ff4ed', table='billing_move', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='holdingevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='4b7076700035a5af2f0dedd963a4f05b149c6d18', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_43c6d', table='billing_holdingevent', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='holding',
            index=models.Index(fields=['subscription', 'since', 'id'], name='holding_by_time'),
        ),
        migrations.AddConstraint(
            model_name='holding',
            constraint=models.CheckConstraint(condition=models.Q(('quantity__gte', 0), ('quantity__lte', 1000000)), name='held_quantity_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='holding',
            constraint=models.CheckConstraint(condition=models.Q(('fee_code', ''), _negated=True), name='holding_names_its_fee'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='holding',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='e7ba4d3ae105bcc283d6a731cc289abf3b2f6999', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_e458d', table='billing_holding', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='holding',
            trigger=pgtrigger.compiler.Trigger(name='a_closed_period_keeps_its_quantities', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                    IF EXISTS (\n                        SELECT FROM billing_period WHERE subscription_id = NEW.subscription_id\n                            AND state = 'closed' AND kind = 'regular' AND ends_at > NEW.since\n                    ) THEN\n                        RAISE EXCEPTION 'a_closed_period_keeps_its_quantities: choose a moment in an open period'\n                        USING ERRCODE = 'restrict_violation';\n                    END IF;\n                    RETURN NEW;\n                ", hash='9af97ed5e42f789057ceea33941173b5a19e8852', operation='INSERT', pgid='pgtrigger_a_closed_period_keeps_its_quantities_de81c', table='billing_holding', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='holding',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_holdingevent" ("fee_code", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "quantity", "reason", "recorded_at", "recorded_by_id", "since", "subscription_id") VALUES (NEW."fee_code", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."quantity", NEW."reason", NEW."recorded_at", NEW."recorded_by_id", NEW."since", NEW."subscription_id"); RETURN NULL;', hash='effc0b8510f2e60a534ac3b65141e97ac1d134f2', operation='INSERT', pgid='pgtrigger_insert_insert_a6e89', table='billing_holding', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='holding',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "billing_holdingevent" ("fee_code", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "quantity", "reason", "recorded_at", "recorded_by_id", "since", "subscription_id") VALUES (NEW."fee_code", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."quantity", NEW."reason", NEW."recorded_at", NEW."recorded_by_id", NEW."since", NEW."subscription_id"); RETURN NULL;', hash='4d8c35f558f0eebf6dbba26111c8fcafc2d58c1b', operation='UPDATE', pgid='pgtrigger_update_update_e87b8', table='billing_holding', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='holding',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_holdingevent" ("fee_code", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "quantity", "reason", "recorded_at", "recorded_by_id", "since", "subscription_id") VALUES (OLD."fee_code", OLD."id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."quantity", OLD."reason", OLD."recorded_at", OLD."recorded_by_id", OLD."since", OLD."subscription_id"); RETURN NULL;', hash='bae0e0c0ec3888d5fd375b29a80a8bbbe85eace8', operation='DELETE', pgid='pgtrigger_delete_delete_f3e65', table='billing_holding', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='guardrailevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='a12a3b1f68db169d505329b9141b704e4ba862fe', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_7f799', table='billing_guardrailevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='guardrail',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['allowance', 'cap', 'spend', 'last_period', 'projected', 'anomaly', 'low_balance', 'expiring'])), name='guarded_is_known'),
        ),
        migrations.AddConstraint(
            model_name='guardrail',
            constraint=models.CheckConstraint(condition=models.Q(('set_by__in', ['finance', 'customer'])), name='guardrail_setter_is_known'),
        ),
        migrations.AddConstraint(
            model_name='guardrail',
            constraint=models.CheckConstraint(condition=models.Func(models.F('levels'), output_field=models.BooleanField(), template='1 <= ALL (%(expressions)s) AND 1000 >= ALL (%(expressions)s) AND cardinality(%(expressions)s) BETWEEN 1 AND 10'), name='levels_are_1_to_a_thousand'),
        ),
        migrations.AddConstraint(
            model_name='guardrail',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0), ('amount__lte', Decimal('1E+50'))), name='guarded_amount_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='guardrail',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind__in', ('spend', 'projected')), _negated=True), models.Q(('amount__isnull', False), ('customer__isnull', False)), _connector='OR'), name='guarded_spend_says_how_much_and_whose'),
        ),
        migrations.AddConstraint(
            model_name='guardrail',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind__in', ('spend', 'projected')), models.Q(('currency', ''), _negated=True)), models.Q(models.Q(('kind__in', ('spend', 'projected')), _negated=True), ('currency', '')), _connector='OR'), name='guarded_spend_says_its_currency'),
        ),
        migrations.AddConstraint(
            model_name='guardrail',
            constraint=models.CheckConstraint(condition=models.Q(('seller__isnull', True), ('customer__isnull', True), _connector='OR'), name='guardrail_has_one_scope'),
        ),
        migrations.AddConstraint(
            model_name='guardrail',
            constraint=models.CheckConstraint(condition=models.Q(('subscription__isnull', True), ('customer__isnull', False), _connector='OR'), name='guardrail_of_a_subscription_names_its_customer'),
        ),
        migrations.AddConstraint(
            model_name='guardrail',
            constraint=models.CheckConstraint(condition=models.Q(('set_by', 'finance'), models.Q(('customer__isnull', False), ('is_on', True)), _connector='OR'), name='customers_guard_themselves'),
        ),
        migrations.AddConstraint(
            model_name='guardrail',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('dimension', ''), ('dimension_value', '')), models.Q(('kind', 'spend'), models.Q(('dimension', ''), _negated=True)), _connector='OR'), name='only_spend_is_guarded_by_dimension'),
        ),
        migrations.AddConstraint(
            model_name='guardrail',
            constraint=models.UniqueConstraint(condition=models.Q(('removed_at__isnull', True)), fields=('kind', 'seller', 'customer', 'subscription', 'feature', 'dimension', 'dimension_value', 'set_by'), name='the_same_is_guarded_once_by_each', nulls_distinct=False),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='guardrail',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_guardrailevent" ("amount", "created_at", "currency", "customer_id", "dimension", "dimension_value", "feature_id", "id", "is_on", "kind", "levels", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "removed_at", "seller_id", "set_by", "subscription_id") VALUES (NEW."amount", NEW."created_at", NEW."currency", NEW."customer_id", NEW."dimension", NEW."dimension_value", NEW."feature_id", NEW."id", NEW."is_on", NEW."kind", NEW."levels", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."removed_at", NEW."seller_id", NEW."set_by", NEW."subscription_id"); RETURN NULL;', hash='da748733313a9ae5373d781e5cf7cd9e26049cca', operation='INSERT', pgid='pgtrigger_insert_insert_2801e', table='billing_guardrail', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='guardrail',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "billing_guardrailevent" ("amount", "created_at", "currency", "customer_id", "dimension", "dimension_value", "feature_id", "id", "is_on", "kind", "levels", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "removed_at", "seller_id", "set_by", "subscription_id") VALUES (NEW."amount", NEW."created_at", NEW."currency", NEW."customer_id", NEW."dimension", NEW."dimension_value", NEW."feature_id", NEW."id", NEW."is_on", NEW."kind", NEW."levels", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."removed_at", NEW."seller_id", NEW."set_by", NEW."subscription_id"); RETURN NULL;', hash='8d882e57f5804e3d06b6d4b15e77a71ebd1d131a', operation='UPDATE', pgid='pgtrigger_update_update_180fa', table='billing_guardrail', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='guardrail',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_guardrailevent" ("amount", "created_at", "currency", "customer_id", "dimension", "dimension_value", "feature_id", "id", "is_on", "kind", "levels", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "removed_at", "seller_id", "set_by", "subscription_id") VALUES (OLD."amount", OLD."created_at", OLD."currency", OLD."customer_id", OLD."dimension", OLD."dimension_value", OLD."feature_id", OLD."id", OLD."is_on", OLD."kind", OLD."levels", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."removed_at", OLD."seller_id", OLD."set_by", OLD."subscription_id"); RETURN NULL;', hash='3c1bc802f900a4eb3e90c851b0a0db40c007ffc7', operation='DELETE', pgid='pgtrigger_delete_delete_b5df9', table='billing_guardrail', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='coverage',
            index=models.Index(fields=['customer', 'feature'], name='coverage_by_feature'),
        ),
        migrations.AddConstraint(
            model_name='coverage',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('named', False)), expressions=[('customer', '='), ('feature', '='), ('during', '&&')], name='feature_is_priced_by_one_subscription_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='coverage',
            constraint=models.CheckConstraint(condition=models.Q(('during__isempty', False), ('during__startswith__isnull', False)), name='coverage_has_a_start'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(condition=models.Q(('recovered_at__isnull', True)), fields=['customer'], name='alert_not_recovered'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(fields=['customer', '-id'], name='alert_of_customer'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(fields=['subscription', '-id'], name='alert_of_subscription'),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.UniqueConstraint(fields=('guardrail', 'customer', 'subscription', 'feature', 'wallet', 'dimension', 'dimension_value', 'since', 'threshold', 'agreed_limit'), name='a_threshold_is_told_once_in_a_period', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('threshold__gte', 1), ('threshold__lte', 1000)), name='alert_threshold_is_1_to_a_thousand'),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('value__gte', Decimal('-1E+50')), ('value__lte', Decimal('1E+50'))), name='alert_value_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('limit__gte', 0), ('limit__lte', Decimal('1E+50'))), name='alert_limit_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('agreed_limit', 0), ('agreed_limit', models.F('limit')), _connector='OR'), name='agreed_limit_is_the_limit'),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__isnull', True), ('ends_at__gte', models.F('since')), _connector='OR'), name='alert_ends_after_it_begins'),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('recovered_at__isnull', True), ('recovered_at__gte', models.F('fired_at')), _connector='OR'), name='alert_recovers_after_it_fired'),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('acknowledged_at__isnull', True), ('acknowledged_by__isnull', True)), models.Q(('acknowledged_at__gte', models.F('fired_at')), ('acknowledged_by__isnull', False)), _connector='OR'), name='acknowledged_alert_says_by_whom'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='alert',
            trigger=pgtrigger.compiler.Trigger(name='alert_keeps_what_it_told', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF TG_OP = 'UPDATE' AND (OLD.recovered_at IS NULL OR NEW.recovered_at = OLD.recovered_at)\n               AND (to_jsonb(NEW) - ARRAY['recovered_at', 'acknowledged_at', 'acknowledged_by_id'])\n                   = (to_jsonb(OLD) - ARRAY['recovered_at', 'acknowledged_at', 'acknowledged_by_id']) THEN\n                RETURN NEW;\n            END IF;\n            RAISE EXCEPTION 'alert_keeps_what_it_told: it may only recover, once, and be acknowledged'\n            USING ERRCODE = 'restrict_violation';\n        ", hash='ecbd05744aea4fd9e2cddfa7ab72a0e90fae6d1a', operation='UPDATE OR DELETE', pgid='pgtrigger_alert_keeps_what_it_told_94c3e', table='billing_alert', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='subscriptionevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='b439b6c2e560b74a06f25e89d502c23279fb200c', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_d89a3', table='billing_subscriptionevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='tally',
            constraint=models.CheckConstraint(condition=models.Q(('events__gte', 0), ('events__lte', 1000000000000000000)), name='tallied_events_are_finite'),
        ),
        migrations.AddConstraint(
            model_name='tally',
            constraint=models.CheckConstraint(condition=models.Q(('total__gte', Decimal('-1E+50')), ('total__lte', Decimal('1E+50'))), name='tallied_total_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='tally',
            constraint=models.CheckConstraint(condition=models.Q(('low__gte', Decimal('-1E+50')), ('low__lte', Decimal('1E+50'))), name='tallied_low_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='tally',
            constraint=models.CheckConstraint(condition=models.Q(('high__gte', Decimal('-1E+50')), ('high__lte', Decimal('1E+50'))), name='tallied_high_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='tally',
            constraint=models.CheckConstraint(condition=models.Q(('latest_value__gte', Decimal('-1E+50')), ('latest_value__lte', Decimal('1E+50'))), name='tallied_latest_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='tally',
            constraint=models.CheckConstraint(condition=models.Q(('moment__gte', -10000000000000000000000000000000000000000000000000000000000000000000000), ('moment__lte', 10000000000000000000000000000000000000000000000000000000000000000000000)), name='tallied_moment_is_finite'),
        ),
        migrations.AddIndex(
            model_name='unbilledusage',
            index=models.Index(condition=models.Q(('resolved_at__isnull', True)), fields=['-id'], name='unbilled_open'),
        ),
        migrations.AddIndex(
            model_name='unbilledusage',
            index=models.Index(condition=models.Q(('resolved_at__isnull', True)), fields=['customer_ref'], name='unbilled_by_customer_ref'),
        ),
        migrations.AddIndex(
            model_name='unbilledusage',
            index=models.Index(condition=models.Q(('resolved_sequence__isnull', False)), fields=['resolved_sequence'], name='unbilled_by_resolved_sequence'),
        ),
        migrations.AddConstraint(
            model_name='unbilledusage',
            constraint=models.CheckConstraint(condition=models.Q(('reason__in', ['unknown_customer', 'unknown_event', 'bad_value', 'no_subscription', 'paused', 'no_rate', 'no_cost'])), name='unbilled_reason_is_known'),
        ),
        migrations.AddConstraint(
            model_name='unbilledusage',
            constraint=models.UniqueConstraint(fields=('event_key', 'meter'), name='event_is_unbilled_once_per_meter', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='unbilledusage',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('resolved_at__isnull', True), ('resolved_sequence__isnull', True)), models.Q(('resolved_at__isnull', False), ('resolved_sequence__isnull', False)), _connector='OR'), name='replayed_usage_says_when'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='unbilledusage',
            trigger=pgtrigger.compiler.Trigger(name='unbilled_usage_is_resolved_once', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF TG_OP = 'UPDATE' AND OLD.resolved_at IS NULL AND\n               (to_jsonb(NEW) - ARRAY['resolved_at', 'resolved_sequence', 'reason', 'detail', 'customer_id'])\n               = (to_jsonb(OLD) - ARRAY['resolved_at', 'resolved_sequence', 'reason', 'detail', 'customer_id']) THEN\n                RETURN NEW;\n            END IF;\n            RAISE EXCEPTION 'unbilled_usage_is_resolved_once: it may only be attributed, once'\n            USING ERRCODE = 'restrict_violation';\n        ", hash='777e91385e2ee9c5a5da77de25e58ecdced5603a', operation='UPDATE OR DELETE', pgid='pgtrigger_unbilled_usage_is_resolved_once_90a56', table='billing_unbilledusage', when='BEFORE')),
        ),
        migrations.RunSQL(CREATE, DROP),
        migrations.RunPython(put_up_guardrails, migrations.RunPython.noop),
        migrations.RunSQL(BEGIN, migrations.RunSQL.noop),
    ]
