import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import djmoney.models.fields
import pgtrigger.compiler
import pgtrigger.migrations
import plans.bounds
from decimal import Decimal
from billing.event_table import CREATE, DROP
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('customers', '0001_initial'),
        ('invoices', '0002_numbers_per_seller_in_order_of_time'),
        ('pghistory', '0007_auto_20250421_0444'),
        ('plans', '0001_initial'),
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
                ('quantity', plans.bounds.QuantityField()),
            ],
            options={
                'db_table': 'billing_rollup',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='Subscription',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('external_id', models.CharField(max_length=200, unique=True)),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('state', models.CharField(choices=[('draft', 'draft'), ('active', 'active'), ('cancelled', 'cancelled'), ('ended', 'ended')], default='active', max_length=10)),
                ('named', models.BooleanField(default=False)),
                ('starts_at', models.DateTimeField()),
                ('anchor_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(blank=True, null=True)),
                ('cancelled_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('customer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='subscriptions', to='customers.customer')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='subscriptions', to='plans.planversion')),
            ],
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
            name='SubscriptionEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('external_id', models.CharField(max_length=200)),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('state', models.CharField(choices=[('draft', 'draft'), ('active', 'active'), ('cancelled', 'cancelled'), ('ended', 'ended')], default='active', max_length=10)),
                ('named', models.BooleanField(default=False)),
                ('starts_at', models.DateTimeField()),
                ('anchor_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(blank=True, null=True)),
                ('cancelled_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
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
            name='UnbilledUsage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event_key', models.UUIDField()),
                ('sequence', models.BigIntegerField()),
                ('occurred_at', models.DateTimeField()),
                ('sandbox', models.BooleanField()),
                ('customer_ref', models.TextField()),
                ('event_name', models.TextField()),
                ('reason', models.CharField(choices=[('unknown_customer', 'no customer of this name'), ('unknown_event', 'no meter counts events of this name'), ('bad_value', 'the metered property is missing or not a number'), ('no_subscription', 'no subscription of the customer covers it'), ('no_rate', 'no rate of the price matches its dimensions')], max_length=20)),
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
            name='Period',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('opening', 'opening: bills what is due in advance at the start'), ('regular', 'regular')], default='regular', max_length=8)),
                ('state', models.CharField(choices=[('open', 'open'), ('closed', 'closed')], default='open', max_length=8)),
                ('revision', models.PositiveIntegerField(default=1)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('due_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(null=True)),
                ('late_since', models.DateTimeField(null=True)),
                ('error', models.TextField(blank=True)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('retry_at', models.DateTimeField(null=True)),
                ('invoice', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='periods', to='invoices.invoice')),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.planversion')),
                ('subscription', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='periods', to='billing.subscription')),
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
            name='Hour',
            fields=[
                ('pk', models.CompositePrimaryKey('series_id', 'bucket', blank=True, editable=False, primary_key=True, serialize=False)),
                ('bucket', models.DateTimeField()),
                ('events', models.BigIntegerField()),
                ('quantity', plans.bounds.QuantityField()),
                ('series', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='hours', to='billing.series')),
            ],
        ),
        migrations.CreateModel(
            name='Counter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rate_id', models.BigIntegerField()),
                ('window_start', models.DateTimeField()),
                ('events', models.BigIntegerField()),
                ('quantity', plans.bounds.QuantityField()),
                ('fingerprint', models.DecimalField(decimal_places=0, max_digits=60)),
                ('plan_feature', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.planfeature')),
                ('period', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='counters', to='billing.period')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('period', 'plan_feature', 'rate_id', 'window_start'), name='usage_is_counted_in_one_place'), models.CheckConstraint(condition=models.Q(('events__gte', 0), ('events__lte', 1000000000000000000)), name='counted_events_are_finite'), models.CheckConstraint(condition=models.Q(('quantity__gte', Decimal('-1E+50')), ('quantity__lte', Decimal('1E+50'))), name='counted_quantity_is_finite'), models.CheckConstraint(condition=models.Q(('fingerprint__gte', 0), ('fingerprint__lte', 100000000000000000000000000000000000000000000000000000000000)), name='counted_fingerprint_is_finite')],
            },
        ),
        migrations.CreateModel(
            name='BilledUsage',
            fields=[
                ('line', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='usage', serialize=False, to='invoices.line')),
                ('plan_feature_id', models.BigIntegerField()),
                ('rate_id', models.BigIntegerField()),
                ('window_start', models.DateTimeField()),
                ('high_water_mark', models.BigIntegerField()),
                ('events', models.BigIntegerField()),
                ('quantity', plans.bounds.QuantityField()),
                ('fingerprint', models.DecimalField(decimal_places=0, max_digits=60)),
                ('period', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='billed_usage', to='billing.period')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('period', 'plan_feature_id', 'rate_id', 'window_start', 'high_water_mark'), name='usage_is_billed_once_per_high_water_mark'), models.CheckConstraint(condition=models.Q(('quantity__gte', Decimal('-1E+50')), ('quantity__lte', Decimal('1E+50'))), name='billed_quantity_is_finite')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='billedusage',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='f45092f5d455022dd421cc9771f94f1d179535b5', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_690c5', table='billing_billedusage', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='series',
            constraint=models.UniqueConstraint(fields=('period', 'meter', 'dimensions'), name='usage_is_rolled_up_in_one_place'),
        ),
        migrations.AddConstraint(
            model_name='hour',
            constraint=models.CheckConstraint(condition=models.Q(('events__gte', 0), ('events__lte', 1000000000000000000)), name='rolled_up_events_are_finite'),
        ),
        migrations.AddConstraint(
            model_name='hour',
            constraint=models.CheckConstraint(condition=models.Q(('quantity__gte', Decimal('-1E+50')), ('quantity__lte', Decimal('1E+50'))), name='rolled_up_quantity_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'active', 'cancelled', 'ended'])), name='subscription_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__isnull', True), ('ends_at__gte', models.F('starts_at')), _connector='OR'), name='subscription_ends_after_it_starts'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'cancelled'), _negated=True), models.Q(('cancelled_at__isnull', False), ('ends_at__isnull', False)), _connector='OR'), name='cancelled_subscription_says_when'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='subscription',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_subscriptionevent" ("anchor_at", "cancelled_at", "created_at", "currency", "customer_id", "ends_at", "external_id", "id", "named", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "starts_at", "state", "version_id") VALUES (NEW."anchor_at", NEW."cancelled_at", NEW."created_at", NEW."currency", NEW."customer_id", NEW."ends_at", NEW."external_id", NEW."id", NEW."named", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."starts_at", NEW."state", NEW."version_id"); RETURN NULL;', hash='1425c4fc7685c968044e2f26d61d5dd8654ee0ee', operation='INSERT', pgid='pgtrigger_insert_insert_6f62d', table='billing_subscription', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='subscription',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "billing_subscriptionevent" ("anchor_at", "cancelled_at", "created_at", "currency", "customer_id", "ends_at", "external_id", "id", "named", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "starts_at", "state", "version_id") VALUES (NEW."anchor_at", NEW."cancelled_at", NEW."created_at", NEW."currency", NEW."customer_id", NEW."ends_at", NEW."external_id", NEW."id", NEW."named", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."starts_at", NEW."state", NEW."version_id"); RETURN NULL;', hash='23663ea8c7fcbf5400e486518b634493a0827b6b', operation='UPDATE', pgid='pgtrigger_update_update_5c2d2', table='billing_subscription', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='subscription',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_subscriptionevent" ("anchor_at", "cancelled_at", "created_at", "currency", "customer_id", "ends_at", "external_id", "id", "named", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "starts_at", "state", "version_id") VALUES (OLD."anchor_at", OLD."cancelled_at", OLD."created_at", OLD."currency", OLD."customer_id", OLD."ends_at", OLD."external_id", OLD."id", OLD."named", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."starts_at", OLD."state", OLD."version_id"); RETURN NULL;', hash='e3b616f7dcb51d805c8865f1484b60ce4afa8b77', operation='DELETE', pgid='pgtrigger_delete_delete_bb9c3', table='billing_subscription', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='period',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['due_at', 'id'], name='period_due'),
        ),
        migrations.AddIndex(
            model_name='period',
            index=models.Index(condition=models.Q(('late_since__isnull', False)), fields=['subscription'], name='period_late'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['opening', 'regular'])), name='period_kind_is_known'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'closed'])), name='period_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ends_at', models.F('starts_at')), ('kind', 'opening')), models.Q(('ends_at__gt', models.F('starts_at')), ('kind', 'regular')), _connector='OR'), name='only_an_opening_period_is_empty'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(('due_at__gte', models.F('ends_at'))), name='period_is_never_due_before_its_end'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', True), ('invoice__isnull', True), ('state', 'open')), models.Q(('closed_at__gte', models.F('ends_at')), ('state', 'closed')), _connector='OR'), name='period_is_closed_after_its_end'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.UniqueConstraint(fields=('subscription', 'kind', 'starts_at'), name='period_starts_once'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('subscription', '='), (models.Func('starts_at', 'ends_at', function='TSTZRANGE', output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField()), '&&')], name='periods_of_a_subscription_never_overlap'),
        ),
        migrations.AddConstraint(
            model_name='coverage',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('named', False)), expressions=[('customer', '='), ('feature', '='), ('during', '&&')], name='feature_is_priced_by_one_subscription_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='coverage',
            constraint=models.CheckConstraint(condition=models.Q(('during__isempty', False), ('during__startswith__isnull', False)), name='coverage_has_a_start'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='subscriptionevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='b439b6c2e560b74a06f25e89d502c23279fb200c', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_d89a3', table='billing_subscriptionevent', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='unbilledusage',
            index=models.Index(condition=models.Q(('resolved_at__isnull', True)), fields=['-id'], name='unbilled_open'),
        ),
        migrations.AddIndex(
            model_name='unbilledusage',
            index=models.Index(condition=models.Q(('resolved_at__isnull', True)), fields=['customer_ref'], name='unbilled_by_customer_ref'),
        ),
        migrations.AddConstraint(
            model_name='unbilledusage',
            constraint=models.CheckConstraint(condition=models.Q(('reason__in', ['unknown_customer', 'unknown_event', 'bad_value', 'no_subscription', 'no_rate'])), name='unbilled_reason_is_known'),
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
    ]
