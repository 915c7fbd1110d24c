import datetime
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import djmoney.models.fields
import pgtrigger.compiler
import pgtrigger.migrations
import wallets.models.field_types
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models



class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '__first__'),
        ('customers', '0001_initial'),
        ('invoices', '0001_initial'),
        ('pghistory', '0007_auto_20250421_0444'),
        ('plans', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='TopUpCeiling',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('set_by', models.CharField(choices=[('finance', 'finance'), ('customer', 'the customer')], max_length=8)),
                ('span', models.CharField(choices=[('day', 'a day'), ('month', 'a month')], max_length=5)),
                ('most', models.PositiveIntegerField(blank=True, null=True)),
                ('most_money', models.DecimalField(blank=True, decimal_places=4, max_digits=19, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Hold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reference', models.CharField(max_length=120)),
                ('unit', models.CharField(max_length=7)),
                ('amount', wallets.models.field_types.UnitsField()),
                ('uncovered', wallets.models.field_types.UnitsField(default=0)),
                ('at', models.DateTimeField()),
                ('until', models.DateTimeField()),
                ('state', models.CharField(choices=[('open', 'open'), ('committed', 'committed'), ('released', 'released'), ('lapsed', 'lapsed')], default='open', max_length=9)),
                ('ended_at', models.DateTimeField(null=True)),
                ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.customer')),
                ('feature', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.feature')),
            ],
        ),
        migrations.CreateModel(
            name='Lot',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('purchased', 'purchased'), ('promotional', 'promotional'), ('included', 'included with the plan'), ('bonus', 'bonus'), ('rollover', 'rolled over'), ('refund', 'refund')], max_length=11)),
                ('amount', wallets.models.field_types.UnitsField()),
                ('remaining', wallets.models.field_types.UnitsField()),
                ('held', wallets.models.field_types.UnitsField(db_default=0, default=0)),
                ('expired', wallets.models.field_types.UnitsField(db_default=0, default=0)),
                ('has_left', models.GeneratedField(db_persist=True, expression=models.ExpressionWrapper(models.Q(('remaining__gt', 0)), output_field=models.BooleanField()), output_field=models.BooleanField())),
                ('has_expired', models.GeneratedField(db_persist=True, expression=models.ExpressionWrapper(models.Q(('expired__gt', 0)), output_field=models.BooleanField()), output_field=models.BooleanField())),
                ('cost', wallets.models.field_types.UnitsField(default=0)),
                ('is_paid', models.BooleanField()),
                ('priority', models.PositiveSmallIntegerField(default=50)),
                ('valid_from', models.DateTimeField()),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('features', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, default=list, size=None)),
                ('rolls_over', models.PositiveSmallIntegerField(default=0)),
                ('rollover_most', wallets.models.field_types.UnitsField(blank=True, null=True)),
                ('rollover_days', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('rollover_ends', django.contrib.postgres.fields.ArrayField(base_field=models.DateTimeField(), blank=True, db_default=[], default=list, size=None)),
                ('granted_at', models.DateTimeField()),
                ('source', models.CharField(max_length=120)),
                ('origin', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wallets.lot')),
            ],
            options={
                'permissions': [('refund_lot', 'Can pay credits back'), ('void_lot', 'Can void credits'), ('extend_lot', 'Can let credits last longer')],
            },
        ),
        migrations.CreateModel(
            name='Purchase',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('terms', models.JSONField()),
                ('quantity', models.PositiveIntegerField()),
                ('units', wallets.models.field_types.UnitsField()),
                ('bonus', wallets.models.field_types.UnitsField()),
                ('net', models.DecimalField(decimal_places=4, max_digits=19)),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('state', models.CharField(choices=[('pending', 'waiting for payment'), ('granted', 'granted'), ('failed', 'payment declined'), ('cancelled', 'cancelled')], default='pending', max_length=9)),
                ('reference', models.CharField(max_length=120)),
                ('is_trusted', models.BooleanField(default=False)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField()),
                ('granted_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('invoice', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='invoices.invoice')),
                ('pack', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.creditpack')),
            ],
            options={
                'permissions': [('buy_credits', 'Can buy credits for customers')],
            },
        ),
        migrations.CreateModel(
            name='TopUp',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('balance', wallets.models.field_types.UnitsField()),
                ('amount', models.DecimalField(decimal_places=4, max_digits=19)),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('state', models.CharField(choices=[('pending', 'waiting for payment'), ('paid', 'paid'), ('declined', 'declined'), ('cancelled', 'cancelled')], default='pending', max_length=9)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField()),
                ('settled_at', models.DateTimeField(null=True)),
                ('purchase', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='topup', to='wallets.purchase')),
            ],
        ),
        migrations.CreateModel(
            name='TopUpRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('is_on', models.BooleanField(default=True)),
                ('threshold', wallets.models.field_types.UnitsField(blank=True, null=True)),
                ('percent', models.DecimalField(blank=True, decimal_places=10, max_digits=14, null=True)),
                ('target', wallets.models.field_types.UnitsField(blank=True, null=True)),
                ('payer', models.CharField(choices=[('invoice', 'the customer, by invoice'), ('sandbox', 'the sandbox: paid at once, no money moves'), ('declining', 'the sandbox: every payment is declined')], default='invoice', max_length=9)),
                ('cooldown', models.DurationField(default=datetime.timedelta(0))),
                ('most_declines', models.PositiveSmallIntegerField(default=3)),
                ('declines', models.PositiveSmallIntegerField(default=0)),
                ('off_reason', models.CharField(blank=True, max_length=300)),
                ('quiet_until', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('pack', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.creditpack')),
            ],
        ),
        migrations.CreateModel(
            name='TopUpCeilingEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('set_by', models.CharField(choices=[('finance', 'finance'), ('customer', 'the customer')], max_length=8)),
                ('span', models.CharField(choices=[('day', 'a day'), ('month', 'a month')], max_length=5)),
                ('most', models.PositiveIntegerField(blank=True, null=True)),
                ('most_money', models.DecimalField(blank=True, decimal_places=4, max_digits=19, null=True)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='wallets.topupceiling')),
                ('rule', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='wallets.topuprule')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='topupceiling',
            name='rule',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='ceilings', to='wallets.topuprule'),
        ),
        migrations.CreateModel(
            name='Wallet',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(default='Wallet', max_length=80)),
                ('unit', models.CharField(default='credits', max_length=7)),
                ('currency', djmoney.models.fields.CurrencyField(default='USD', max_length=3)),
                ('priority', models.PositiveSmallIntegerField(default=50)),
                ('at_zero', models.CharField(blank=True, choices=[('', 'as the plan says'), ('block', 'refuse'), ('overage', 'go on, and invoice'), ('grace', 'go on into debt, up to a limit')], default='', max_length=7)),
                ('grace', wallets.models.field_types.UnitsField(blank=True, help_text='How far below zero it may go; empty for what the plan says.', null=True)),
                ('promotional_first', models.BooleanField(default=True, help_text='Take what was given before what was paid for.')),
                ('is_trusted', models.BooleanField(db_default=False, default=False, help_text='What is bought arrives at once, before it is paid.')),
                ('pays_invoices', models.BooleanField(default=False, help_text='A money wallet may pay issued invoices.')),
                ('balance', wallets.models.field_types.UnitsField(default=0, editable=False)),
                ('debt', wallets.models.field_types.UnitsField(default=0, editable=False)),
                ('debt_held', wallets.models.field_types.UnitsField(default=0, editable=False)),
                ('debt_limit', wallets.models.field_types.UnitsField(default=0, editable=False)),
                ('moves', models.PositiveBigIntegerField(default=0, editable=False)),
                ('seal', models.CharField(blank=True, default='', editable=False, max_length=64)),
                ('closed_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('customer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='wallets', to='customers.customer')),
            ],
            options={
                'permissions': [('grant_credits', 'Can put value into wallets'), ('transfer_credits', 'Can move value between wallets')],
            },
        ),
        migrations.CreateModel(
            name='Transaction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('grant', 'granted'), ('spend', 'used'), ('give_back', 'given back: usage was corrected'), ('expire', 'expired'), ('revive', 'taken back from expiry for earlier usage'), ('roll_over', 'rolled over'), ('repay', 'debt repaid'), ('void', 'void'), ('refund', 'refunded'), ('pay', 'paid an invoice'), ('transfer_out', 'transferred to another wallet'), ('transfer_in', 'transferred from another wallet')], max_length=12)),
                ('reference', models.CharField(max_length=120)),
                ('digest', models.CharField(blank=True, default='', max_length=64)),
                ('at', models.DateTimeField()),
                ('used_at', models.DateTimeField(null=True)),
                ('draw', models.BigIntegerField(null=True)),
                ('units', wallets.models.field_types.UnitsField()),
                ('uncovered', wallets.models.field_types.UnitsField(default=0)),
                ('balance_after', wallets.models.field_types.UnitsField()),
                ('seal', models.CharField(max_length=64)),
                ('reason', models.CharField(blank=True, default='', max_length=300)),
                ('by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('feature', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.feature')),
                ('wallet', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='transactions', to='wallets.wallet')),
            ],
        ),
        migrations.CreateModel(
            name='TopUpRuleEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('is_on', models.BooleanField(default=True)),
                ('threshold', wallets.models.field_types.UnitsField(blank=True, null=True)),
                ('percent', models.DecimalField(blank=True, decimal_places=10, max_digits=14, null=True)),
                ('target', wallets.models.field_types.UnitsField(blank=True, null=True)),
                ('payer', models.CharField(choices=[('invoice', 'the customer, by invoice'), ('sandbox', 'the sandbox: paid at once, no money moves'), ('declining', 'the sandbox: every payment is declined')], default='invoice', max_length=9)),
                ('cooldown', models.DurationField(default=datetime.timedelta(0))),
                ('most_declines', models.PositiveSmallIntegerField(default=3)),
                ('declines', models.PositiveSmallIntegerField(default=0)),
                ('off_reason', models.CharField(blank=True, max_length=300)),
                ('quiet_until', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('pack', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.creditpack')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='wallets.topuprule')),
                ('wallet', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='wallets.wallet')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='topuprule',
            name='wallet',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='topup_rule', to='wallets.wallet'),
        ),
        migrations.CreateModel(
            name='TopUpEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('balance', wallets.models.field_types.UnitsField()),
                ('amount', models.DecimalField(decimal_places=4, max_digits=19)),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('state', models.CharField(choices=[('pending', 'waiting for payment'), ('paid', 'paid'), ('declined', 'declined'), ('cancelled', 'cancelled')], default='pending', max_length=9)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField()),
                ('settled_at', models.DateTimeField(null=True)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='wallets.topup')),
                ('purchase', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='wallets.purchase')),
                ('wallet', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='wallets.wallet')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='topup',
            name='wallet',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='topups', to='wallets.wallet'),
        ),
        migrations.CreateModel(
            name='PurchaseEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('terms', models.JSONField()),
                ('quantity', models.PositiveIntegerField()),
                ('units', wallets.models.field_types.UnitsField()),
                ('bonus', wallets.models.field_types.UnitsField()),
                ('net', models.DecimalField(decimal_places=4, max_digits=19)),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('state', models.CharField(choices=[('pending', 'waiting for payment'), ('granted', 'granted'), ('failed', 'payment declined'), ('cancelled', 'cancelled')], default='pending', max_length=9)),
                ('reference', models.CharField(max_length=120)),
                ('is_trusted', models.BooleanField(default=False)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField()),
                ('granted_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('by', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('invoice', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='invoices.invoice')),
                ('pack', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='plans.creditpack')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='wallets.purchase')),
                ('wallet', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='wallets.wallet')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='purchase',
            name='wallet',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='purchases', to='wallets.wallet'),
        ),
        migrations.CreateModel(
            name='LotEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('kind', models.CharField(choices=[('purchased', 'purchased'), ('promotional', 'promotional'), ('included', 'included with the plan'), ('bonus', 'bonus'), ('rollover', 'rolled over'), ('refund', 'refund')], max_length=11)),
                ('amount', wallets.models.field_types.UnitsField()),
                ('cost', wallets.models.field_types.UnitsField(default=0)),
                ('is_paid', models.BooleanField()),
                ('priority', models.PositiveSmallIntegerField(default=50)),
                ('valid_from', models.DateTimeField()),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('features', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, default=list, size=None)),
                ('rolls_over', models.PositiveSmallIntegerField(default=0)),
                ('rollover_most', wallets.models.field_types.UnitsField(blank=True, null=True)),
                ('rollover_days', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('rollover_ends', django.contrib.postgres.fields.ArrayField(base_field=models.DateTimeField(), blank=True, db_default=[], default=list, size=None)),
                ('granted_at', models.DateTimeField()),
                ('source', models.CharField(max_length=120)),
                ('origin', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='wallets.lot')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='wallets.lot')),
                ('wallet', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='wallets.wallet')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='lot',
            name='wallet',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lots', to='wallets.wallet'),
        ),
        migrations.CreateModel(
            name='HoldShare',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('units', wallets.models.field_types.UnitsField()),
                ('hold', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='shares', to='wallets.hold')),
                ('lot', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wallets.lot')),
                ('wallet', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wallets.wallet')),
            ],
        ),
        migrations.CreateModel(
            name='Entry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.CharField(choices=[('wallet', "the customer's wallet"), ('world', 'the outside world'), ('earned', 'earned revenue'), ('breakage', 'breakage'), ('promotional', 'promotional contra-revenue')], max_length=11)),
                ('units', wallets.models.field_types.UnitsField()),
                ('money', wallets.models.field_types.UnitsField()),
                ('place', models.PositiveBigIntegerField(null=True)),
                ('balance_after', wallets.models.field_types.UnitsField(null=True)),
                ('lot', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='wallets.lot')),
                ('transaction', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='wallets.transaction')),
                ('wallet', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wallets.wallet')),
            ],
        ),
        migrations.CreateModel(
            name='WalletEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('name', models.CharField(default='Wallet', max_length=80)),
                ('unit', models.CharField(default='credits', max_length=7)),
                ('currency', djmoney.models.fields.CurrencyField(default='USD', max_length=3)),
                ('priority', models.PositiveSmallIntegerField(default=50)),
                ('at_zero', models.CharField(blank=True, choices=[('', 'as the plan says'), ('block', 'refuse'), ('overage', 'go on, and invoice'), ('grace', 'go on into debt, up to a limit')], default='', max_length=7)),
                ('grace', wallets.models.field_types.UnitsField(blank=True, help_text='How far below zero it may go; empty for what the plan says.', null=True)),
                ('promotional_first', models.BooleanField(default=True, help_text='Take what was given before what was paid for.')),
                ('is_trusted', models.BooleanField(db_default=False, default=False, help_text='What is bought arrives at once, before it is paid.')),
                ('pays_invoices', models.BooleanField(default=False, help_text='A money wallet may pay issued invoices.')),
                ('closed_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('customer', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='customers.customer')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='wallets.wallet')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddIndex(
            model_name='hold',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['until'], name='hold_by_end'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'committed', 'released', 'lapsed'])), name='hold_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.UniqueConstraint(fields=('customer', 'reference'), name='nothing_is_held_twice'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0), ('amount__lte', Decimal('1E+18'))), name='held_amount_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(('uncovered__gte', 0), ('uncovered__lte', Decimal('1E+18'))), name='uncovered_hold_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(('until__gt', models.F('at'))), name='hold_ends_after_it_begins'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('state', 'open')), models.Q(models.Q(('state', 'open'), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='hold_is_open_or_has_ended'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='topupceilingevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='5e6be40d3bbcfbce0bd844d09aa5dc93043f4b25', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_81060', table='wallets_topupceilingevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='topupceiling',
            constraint=models.UniqueConstraint(fields=('rule', 'set_by', 'span'), name='ceiling_is_set_once_by_each'),
        ),
        migrations.AddConstraint(
            model_name='topupceiling',
            constraint=models.CheckConstraint(condition=models.Q(('set_by__in', ['finance', 'customer'])), name='ceiling_setter_is_known'),
        ),
        migrations.AddConstraint(
            model_name='topupceiling',
            constraint=models.CheckConstraint(condition=models.Q(('span__in', ['day', 'month'])), name='ceiling_span_is_known'),
        ),
        migrations.AddConstraint(
            model_name='topupceiling',
            constraint=models.CheckConstraint(condition=models.Q(('most__gte', 0), ('most__lte', 10000)), name='topups_are_10000_at_most'),
        ),
        migrations.AddConstraint(
            model_name='topupceiling',
            constraint=models.CheckConstraint(condition=models.Q(('most_money__gte', 0), ('most_money__lte', Decimal('1E+12'))), name='money_of_topups_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='topupceiling',
            constraint=models.CheckConstraint(condition=models.Q(('most__isnull', False), ('most_money__isnull', False), _connector='OR'), name='ceiling_limits_something'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='topupceiling',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallets_topupceilingevent" ("id", "most", "most_money", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rule_id", "set_by", "span") VALUES (NEW."id", NEW."most", NEW."most_money", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."rule_id", NEW."set_by", NEW."span"); RETURN NULL;', hash='f60f1b2cb2fff3800b0c13a80612bd0c884ce646', operation='INSERT', pgid='pgtrigger_insert_insert_af377', table='wallets_topupceiling', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='topupceiling',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "wallets_topupceilingevent" ("id", "most", "most_money", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rule_id", "set_by", "span") VALUES (NEW."id", NEW."most", NEW."most_money", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."rule_id", NEW."set_by", NEW."span"); RETURN NULL;', hash='85e2e2f186d12bee754d31c578074c58df188727', operation='UPDATE', pgid='pgtrigger_update_update_d5a7a', table='wallets_topupceiling', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='topupceiling',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallets_topupceilingevent" ("id", "most", "most_money", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rule_id", "set_by", "span") VALUES (OLD."id", OLD."most", OLD."most_money", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."rule_id", OLD."set_by", OLD."span"); RETURN NULL;', hash='6bd85c91f5fc9f09d14fef23f3b183bed60c38b7', operation='DELETE', pgid='pgtrigger_delete_delete_8f52e', table='wallets_topupceiling', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='wallet',
            index=models.Index(condition=models.Q(('debt__gt', 0)), fields=['id'], name='wallet_that_owes'),
        ),
        migrations.AddConstraint(
            model_name='wallet',
            constraint=models.UniqueConstraint(fields=('customer', 'name'), name='wallet_name_is_used_once'),
        ),
        migrations.AddConstraint(
            model_name='wallet',
            constraint=models.CheckConstraint(condition=models.Q(('unit', 'credits'), ('unit', models.F('currency')), _connector='OR'), name='wallet_holds_credits_or_its_currency'),
        ),
        migrations.AddConstraint(
            model_name='wallet',
            constraint=models.CheckConstraint(condition=models.Q(('at_zero__in', ['', 'block', 'overage', 'grace'])), name='wallet_zero_rule_is_known'),
        ),
        migrations.AddConstraint(
            model_name='wallet',
            constraint=models.CheckConstraint(condition=models.Q(('pays_invoices', False), ('unit', models.F('currency')), _connector='OR'), name='only_money_pays_invoices'),
        ),
        migrations.AddConstraint(
            model_name='wallet',
            constraint=models.CheckConstraint(condition=models.Q(('grace__gte', 0), ('grace__lte', Decimal('1E+18'))), name='wallet_grace_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='wallet',
            constraint=models.CheckConstraint(condition=models.Q(('balance__gte', Decimal('-1E+18')), ('balance__lte', Decimal('1E+18'))), name='wallet_balance_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='wallet',
            constraint=models.CheckConstraint(condition=models.Q(('debt_limit__gte', 0), ('debt_limit__lte', Decimal('1E+18'))), name='wallet_debt_limit_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='wallet',
            constraint=models.CheckConstraint(condition=models.Q(('debt__gte', 0), ('debt__lte', django.db.models.expressions.CombinedExpression(models.F('debt_limit'), '-', models.F('debt_held'))), ('debt_held__gte', 0)), name='wallet_is_never_overdrawn'),
        ),
        migrations.AddConstraint(
            model_name='wallet',
            constraint=models.CheckConstraint(condition=models.Q(('closed_at__isnull', True), ('balance', 0), _connector='OR'), name='a_closed_wallet_is_empty'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='wallet',
            trigger=pgtrigger.compiler.Trigger(name='balance_is_what_lots_hold', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF EXISTS (\n                SELECT FROM new_rows w\n                LEFT JOIN LATERAL (\n                    SELECT sum(l.remaining) AS left FROM wallets_lot l WHERE l.wallet_id = w.id AND l.has_left\n                ) lots ON true\n                WHERE w.balance <> coalesce(lots.left, 0) - w.debt\n            ) THEN\n                RAISE EXCEPTION 'balance_is_what_lots_hold: a wallet and its lots move together'\n                USING ERRCODE = 'check_violation';\n            END IF;\n            RETURN NULL;\n        ", hash='dd63a30b1d67a7e37b2f94d60e50d8896f8b4912', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_balance_is_what_lots_hold_391df', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='wallets_wallet', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='wallet',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallets_walletevent" ("at_zero", "closed_at", "created_at", "currency", "customer_id", "grace", "id", "is_trusted", "name", "pays_invoices", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "priority", "promotional_first", "unit") VALUES (NEW."at_zero", NEW."closed_at", NEW."created_at", NEW."currency", NEW."customer_id", NEW."grace", NEW."id", NEW."is_trusted", NEW."name", NEW."pays_invoices", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."priority", NEW."promotional_first", NEW."unit"); RETURN NULL;', hash='80e4bb7b0ef56c9662dfe665b129049c95c8e112', operation='INSERT', pgid='pgtrigger_insert_insert_b0a2a', table='wallets_wallet', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='wallet',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."at_zero" IS DISTINCT FROM (NEW."at_zero") OR OLD."closed_at" IS DISTINCT FROM (NEW."closed_at") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."currency" IS DISTINCT FROM (NEW."currency") OR OLD."customer_id" IS DISTINCT FROM (NEW."customer_id") OR OLD."grace" IS DISTINCT FROM (NEW."grace") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."is_trusted" IS DISTINCT FROM (NEW."is_trusted") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."pays_invoices" IS DISTINCT FROM (NEW."pays_invoices") OR OLD."priority" IS DISTINCT FROM (NEW."priority") OR OLD."promotional_first" IS DISTINCT FROM (NEW."promotional_first") OR OLD."unit" IS DISTINCT FROM (NEW."unit"))', func='INSERT INTO "wallets_walletevent" ("at_zero", "closed_at", "created_at", "currency", "customer_id", "grace", "id", "is_trusted", "name", "pays_invoices", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "priority", "promotional_first", "unit") VALUES (NEW."at_zero", NEW."closed_at", NEW."created_at", NEW."currency", NEW."customer_id", NEW."grace", NEW."id", NEW."is_trusted", NEW."name", NEW."pays_invoices", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."priority", NEW."promotional_first", NEW."unit"); RETURN NULL;', hash='dd2207c79f260b06a9420012f6d24dd3f4b3ec77', operation='UPDATE', pgid='pgtrigger_update_update_9f615', table='wallets_wallet', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='wallet',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallets_walletevent" ("at_zero", "closed_at", "created_at", "currency", "customer_id", "grace", "id", "is_trusted", "name", "pays_invoices", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "priority", "promotional_first", "unit") VALUES (OLD."at_zero", OLD."closed_at", OLD."created_at", OLD."currency", OLD."customer_id", OLD."grace", OLD."id", OLD."is_trusted", OLD."name", OLD."pays_invoices", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."priority", OLD."promotional_first", OLD."unit"); RETURN NULL;', hash='b98ac360c1ba8d8505d6a2628d4446c3eb1c65c5', operation='DELETE', pgid='pgtrigger_delete_delete_85ee2', table='wallets_wallet', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='transaction',
            index=models.Index(condition=models.Q(('draw__isnull', False)), fields=['draw', 'id'], name='transaction_by_draw'),
        ),
        migrations.AddIndex(
            model_name='transaction',
            index=models.Index(fields=['wallet', 'at', 'id'], name='transaction_by_time'),
        ),
        migrations.AddConstraint(
            model_name='transaction',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['grant', 'spend', 'give_back', 'expire', 'revive', 'roll_over', 'repay', 'void', 'refund', 'pay', 'transfer_out', 'transfer_in'])), name='movement_is_known'),
        ),
        migrations.AddConstraint(
            model_name='transaction',
            constraint=models.UniqueConstraint(fields=('wallet', 'reference'), name='nothing_moves_twice'),
        ),
        migrations.AddConstraint(
            model_name='transaction',
            constraint=models.CheckConstraint(condition=models.Q(('units__gte', Decimal('-1E+18')), ('units__lte', Decimal('1E+18'))), name='movement_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='transaction',
            constraint=models.CheckConstraint(condition=models.Q(('uncovered__gte', 0), ('uncovered__lte', Decimal('1E+18'))), name='uncovered_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='transaction',
            constraint=models.CheckConstraint(condition=models.Q(('balance_after__gte', Decimal('-1E+18')), ('balance_after__lte', Decimal('1E+18'))), name='balance_after_is_finite'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='transaction',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='f83bc3af82c740619bda39b1d804141ae7533eff', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_affbd', table='wallets_transaction', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='topupruleevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='b9c5bbdb0a8fd473a0a8b9edc597fff39366361a', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_d5961', table='wallets_topupruleevent', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='topuprule',
            index=models.Index(condition=models.Q(('is_on', True)), fields=['wallet'], name='topup_rule_that_is_on'),
        ),
        migrations.AddConstraint(
            model_name='topuprule',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('percent__isnull', True), ('threshold__gte', 0), ('threshold__isnull', False), ('threshold__lte', Decimal('1E+18'))), models.Q(('percent__gt', 0), ('percent__isnull', False), ('percent__lte', 1000), ('threshold__isnull', True)), _connector='OR'), name='topup_threshold_is_units_or_a_percentage'),
        ),
        migrations.AddConstraint(
            model_name='topuprule',
            constraint=models.CheckConstraint(condition=models.Q(('target__gte', 0), ('target__lte', Decimal('1E+18'))), name='topup_target_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='topuprule',
            constraint=models.CheckConstraint(condition=models.Q(('payer__in', ['invoice', 'sandbox', 'declining'])), name='topup_payer_is_known'),
        ),
        migrations.AddConstraint(
            model_name='topuprule',
            constraint=models.CheckConstraint(condition=models.Q(('cooldown__gte', datetime.timedelta(0)), ('cooldown__lte', datetime.timedelta(days=366))), name='topup_cooldown_is_a_year_at_most'),
        ),
        migrations.AddConstraint(
            model_name='topuprule',
            constraint=models.CheckConstraint(condition=models.Q(('declines__gte', 0), ('most_declines__gte', 1), ('most_declines__lte', 100)), name='topup_declines_are_1_to_100'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='topuprule',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallets_topupruleevent" ("cooldown", "created_at", "declines", "id", "is_on", "most_declines", "off_reason", "pack_id", "payer", "percent", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "quiet_until", "target", "threshold", "wallet_id") VALUES (NEW."cooldown", NEW."created_at", NEW."declines", NEW."id", NEW."is_on", NEW."most_declines", NEW."off_reason", NEW."pack_id", NEW."payer", NEW."percent", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."quiet_until", NEW."target", NEW."threshold", NEW."wallet_id"); RETURN NULL;', hash='033f6a8a8c8d83e07d80e1a6e1f9dee743b8ddfe', operation='INSERT', pgid='pgtrigger_insert_insert_5df3e', table='wallets_topuprule', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='topuprule',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "wallets_topupruleevent" ("cooldown", "created_at", "declines", "id", "is_on", "most_declines", "off_reason", "pack_id", "payer", "percent", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "quiet_until", "target", "threshold", "wallet_id") VALUES (NEW."cooldown", NEW."created_at", NEW."declines", NEW."id", NEW."is_on", NEW."most_declines", NEW."off_reason", NEW."pack_id", NEW."payer", NEW."percent", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."quiet_until", NEW."target", NEW."threshold", NEW."wallet_id"); RETURN NULL;', hash='bcee2b22daa47b335e48a0bf19b23c2d23bdfbf8', operation='UPDATE', pgid='pgtrigger_update_update_bc2d4', table='wallets_topuprule', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='topuprule',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallets_topupruleevent" ("cooldown", "created_at", "declines", "id", "is_on", "most_declines", "off_reason", "pack_id", "payer", "percent", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "quiet_until", "target", "threshold", "wallet_id") VALUES (OLD."cooldown", OLD."created_at", OLD."declines", OLD."id", OLD."is_on", OLD."most_declines", OLD."off_reason", OLD."pack_id", OLD."payer", OLD."percent", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."quiet_until", OLD."target", OLD."threshold", OLD."wallet_id"); RETURN NULL;', hash='a3d423625cdbbf997b3a755a4ba24405fe9b2859', operation='DELETE', pgid='pgtrigger_delete_delete_6c9ac', table='wallets_topuprule', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='topupevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='3c92c41618df8d093cbed68c3fc4baaa89984ca1', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_a4388', table='wallets_topupevent', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='topup',
            index=models.Index(fields=['wallet', 'created_at'], name='topup_by_time'),
        ),
        migrations.AddConstraint(
            model_name='topup',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'pending')), fields=('wallet',), name='one_topup_of_a_wallet_is_pending'),
        ),
        migrations.AddConstraint(
            model_name='topup',
            constraint=models.CheckConstraint(condition=models.Q(('balance__gte', Decimal('-1E+18')), ('balance__lte', Decimal('1E+18'))), name='balance_before_a_topup_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='topup',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('amount__lte', Decimal('1E+12'))), name='topup_costs_something'),
        ),
        migrations.AddConstraint(
            model_name='topup',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('settled_at__isnull', True), ('state', 'pending')), models.Q(('settled_at__isnull', False), ('state__in', ['paid', 'declined', 'cancelled'])), _connector='OR'), name='topup_is_pending_or_settled'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='topup',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallets_topupevent" ("amount", "balance", "created_at", "currency", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "purchase_id", "reason", "settled_at", "state", "wallet_id") VALUES (NEW."amount", NEW."balance", NEW."created_at", NEW."currency", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."purchase_id", NEW."reason", NEW."settled_at", NEW."state", NEW."wallet_id"); RETURN NULL;', hash='483a406ac3c0d961f6ab234a91a8aa98bdd78d03', operation='INSERT', pgid='pgtrigger_insert_insert_fec4f', table='wallets_topup', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='topup',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "wallets_topupevent" ("amount", "balance", "created_at", "currency", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "purchase_id", "reason", "settled_at", "state", "wallet_id") VALUES (NEW."amount", NEW."balance", NEW."created_at", NEW."currency", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."purchase_id", NEW."reason", NEW."settled_at", NEW."state", NEW."wallet_id"); RETURN NULL;', hash='2819a9d2618c82ed397ceea82e8ef16a750de9c4', operation='UPDATE', pgid='pgtrigger_update_update_e8a38', table='wallets_topup', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='topup',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallets_topupevent" ("amount", "balance", "created_at", "currency", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "purchase_id", "reason", "settled_at", "state", "wallet_id") VALUES (OLD."amount", OLD."balance", OLD."created_at", OLD."currency", OLD."id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."purchase_id", OLD."reason", OLD."settled_at", OLD."state", OLD."wallet_id"); RETURN NULL;', hash='9fa15a01875a9b0224802d1b3a7bcf9118d40b53', operation='DELETE', pgid='pgtrigger_delete_delete_4964f', table='wallets_topup', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='purchaseevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='1e7b6678bd9b38345aea0ced180d2e5c4cf9cfe7', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_ecce5', table='wallets_purchaseevent', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='purchase',
            index=models.Index(condition=models.Q(('state', 'pending')), fields=['invoice'], name='purchase_that_is_pending'),
        ),
        migrations.AddConstraint(
            model_name='purchase',
            constraint=models.UniqueConstraint(fields=('wallet', 'reference'), name='nothing_is_bought_twice'),
        ),
        migrations.AddConstraint(
            model_name='purchase',
            constraint=models.CheckConstraint(condition=models.Q(('quantity__gte', 1), ('quantity__lte', 1000)), name='purchase_is_of_1_to_1000_packs'),
        ),
        migrations.AddConstraint(
            model_name='purchase',
            constraint=models.CheckConstraint(condition=models.Q(('units__gt', 0), ('units__lte', Decimal('1E+18'))), name='purchase_is_of_something'),
        ),
        migrations.AddConstraint(
            model_name='purchase',
            constraint=models.CheckConstraint(condition=models.Q(('bonus__gte', 0), ('bonus__lte', Decimal('1E+18'))), name='bonus_of_a_purchase_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='purchase',
            constraint=models.CheckConstraint(condition=models.Q(('net__gt', 0), ('net__lte', Decimal('1E+12'))), name='purchase_costs_something'),
        ),
        migrations.AddConstraint(
            model_name='purchase',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('granted_at__isnull', True), ('state', 'pending')), models.Q(('ended_at__isnull', True), ('granted_at__isnull', False), ('state', 'granted')), models.Q(('ended_at__isnull', False), ('granted_at__isnull', True), ('state__in', ['failed', 'cancelled'])), _connector='OR'), name='purchase_is_granted_or_came_to_nothing'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='purchase',
            trigger=pgtrigger.compiler.Trigger(name='purchase_keeps_its_terms', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF TG_OP = 'DELETE' OR OLD.state <> 'pending'\n                OR (to_jsonb(NEW) - ARRAY['state', 'granted_at', 'ended_at', 'reason']) IS DISTINCT FROM (to_jsonb(OLD) - ARRAY['state', 'granted_at', 'ended_at', 'reason']) THEN\n                RAISE EXCEPTION 'purchase_keeps_its_terms: what was bought stays; refund what it granted'\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NEW;\n        ", hash='2a103b730281c1b09413afac1e2d03b3a3dca1ce', operation='UPDATE OR DELETE', pgid='pgtrigger_purchase_keeps_its_terms_989df', table='wallets_purchase', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='purchase',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallets_purchaseevent" ("bonus", "by_id", "created_at", "currency", "ended_at", "granted_at", "id", "invoice_id", "is_trusted", "net", "pack_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "quantity", "reason", "reference", "state", "terms", "units", "wallet_id") VALUES (NEW."bonus", NEW."by_id", NEW."created_at", NEW."currency", NEW."ended_at", NEW."granted_at", NEW."id", NEW."invoice_id", NEW."is_trusted", NEW."net", NEW."pack_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."quantity", NEW."reason", NEW."reference", NEW."state", NEW."terms", NEW."units", NEW."wallet_id"); RETURN NULL;', hash='fb3a362d064b15e4a5a956bdcdf1f120228cea8e', operation='INSERT', pgid='pgtrigger_insert_insert_54ba4', table='wallets_purchase', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='purchase',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "wallets_purchaseevent" ("bonus", "by_id", "created_at", "currency", "ended_at", "granted_at", "id", "invoice_id", "is_trusted", "net", "pack_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "quantity", "reason", "reference", "state", "terms", "units", "wallet_id") VALUES (NEW."bonus", NEW."by_id", NEW."created_at", NEW."currency", NEW."ended_at", NEW."granted_at", NEW."id", NEW."invoice_id", NEW."is_trusted", NEW."net", NEW."pack_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."quantity", NEW."reason", NEW."reference", NEW."state", NEW."terms", NEW."units", NEW."wallet_id"); RETURN NULL;', hash='63817b32b73eb2289c571a19b2c70450328c3d0b', operation='UPDATE', pgid='pgtrigger_update_update_80eaa', table='wallets_purchase', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='purchase',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallets_purchaseevent" ("bonus", "by_id", "created_at", "currency", "ended_at", "granted_at", "id", "invoice_id", "is_trusted", "net", "pack_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "quantity", "reason", "reference", "state", "terms", "units", "wallet_id") VALUES (OLD."bonus", OLD."by_id", OLD."created_at", OLD."currency", OLD."ended_at", OLD."granted_at", OLD."id", OLD."invoice_id", OLD."is_trusted", OLD."net", OLD."pack_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."quantity", OLD."reason", OLD."reference", OLD."state", OLD."terms", OLD."units", OLD."wallet_id"); RETURN NULL;', hash='b4d94074d712b4c785f51ae3a0ce4673c334d15c', operation='DELETE', pgid='pgtrigger_delete_delete_f012e', table='wallets_purchase', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='lotevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='08df9381ecf1dbb3d69a32afefb6ee674ba55f77', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_8ab89', table='wallets_lotevent', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='lot',
            index=models.Index(condition=models.Q(('has_left', True)), fields=['wallet'], name='lot_with_something_left'),
        ),
        migrations.AddIndex(
            model_name='lot',
            index=models.Index(condition=models.Q(('has_left', True)), fields=['expires_at'], name='lot_by_expiry'),
        ),
        migrations.AddIndex(
            model_name='lot',
            index=models.Index(condition=models.Q(('has_expired', True)), fields=['wallet', 'expires_at'], name='lot_that_may_come_back'),
        ),
        migrations.AddConstraint(
            model_name='lot',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['purchased', 'promotional', 'included', 'bonus', 'rollover', 'refund'])), name='lot_kind_is_known'),
        ),
        migrations.AddConstraint(
            model_name='lot',
            constraint=models.UniqueConstraint(fields=('wallet', 'source'), name='nothing_is_granted_twice'),
        ),
        migrations.AddConstraint(
            model_name='lot',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('amount__lte', Decimal('1E+18'))), name='lot_grants_something'),
        ),
        migrations.AddConstraint(
            model_name='lot',
            constraint=models.CheckConstraint(condition=models.Q(('remaining__gte', 0), ('remaining__lte', models.F('amount'))), name='lot_is_never_overdrawn'),
        ),
        migrations.AddConstraint(
            model_name='lot',
            constraint=models.CheckConstraint(condition=models.Q(('held__gte', 0), ('held__lte', models.F('remaining'))), name='what_is_held_is_there'),
        ),
        migrations.AddConstraint(
            model_name='lot',
            constraint=models.CheckConstraint(condition=models.Q(('expired__gte', 0), ('expired__lte', django.db.models.expressions.CombinedExpression(models.F('amount'), '-', models.F('remaining')))), name='what_expired_is_gone'),
        ),
        migrations.AddConstraint(
            model_name='lot',
            constraint=models.CheckConstraint(condition=models.Q(('cost__gte', 0), ('cost__lte', Decimal('1E+18'))), name='lot_cost_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='lot',
            constraint=models.CheckConstraint(condition=models.Q(('rollover_most__gte', 0), ('rollover_most__lte', Decimal('1E+18'))), name='rollover_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='lot',
            constraint=models.CheckConstraint(condition=models.Q(('expires_at__isnull', True), ('expires_at__gt', models.F('valid_from')), _connector='OR'), name='lot_expires_after_it_begins'),
        ),
        migrations.AddConstraint(
            model_name='lot',
            constraint=models.CheckConstraint(condition=models.Q(('rolls_over', 0), ('expires_at__isnull', False), _connector='OR'), name='only_what_expires_rolls_over'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='lot',
            trigger=pgtrigger.compiler.Trigger(name='lot_keeps_what_was_granted', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF TG_OP = 'DELETE' OR (NEW.wallet_id, NEW.kind, NEW.amount, NEW.cost, NEW.is_paid, NEW.features,\n                    NEW.granted_at, NEW.source, NEW.origin_id) IS DISTINCT FROM\n                (OLD.wallet_id, OLD.kind, OLD.amount, OLD.cost, OLD.is_paid, OLD.features,\n                    OLD.granted_at, OLD.source, OLD.origin_id) THEN\n                RAISE EXCEPTION 'lot_keeps_what_was_granted: void what is left of it, and grant another'\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NEW;\n        ", hash='0be3508a919dd7c4d32451e9889906ca94ded848', operation='UPDATE OR DELETE', pgid='pgtrigger_lot_keeps_what_was_granted_d2666', table='wallets_lot', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='lot',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallets_lotevent" ("amount", "cost", "expires_at", "features", "granted_at", "id", "is_paid", "kind", "origin_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "priority", "rollover_days", "rollover_ends", "rollover_most", "rolls_over", "source", "valid_from", "wallet_id") VALUES (NEW."amount", NEW."cost", NEW."expires_at", NEW."features", NEW."granted_at", NEW."id", NEW."is_paid", NEW."kind", NEW."origin_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."priority", NEW."rollover_days", NEW."rollover_ends", NEW."rollover_most", NEW."rolls_over", NEW."source", NEW."valid_from", NEW."wallet_id"); RETURN NULL;', hash='0eb2173b21b6f90f2f4e38c2c71f26bf88a494c4', operation='INSERT', pgid='pgtrigger_insert_insert_8633f', table='wallets_lot', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='lot',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."amount" IS DISTINCT FROM (NEW."amount") OR OLD."cost" IS DISTINCT FROM (NEW."cost") OR OLD."expires_at" IS DISTINCT FROM (NEW."expires_at") OR OLD."features" IS DISTINCT FROM (NEW."features") OR OLD."granted_at" IS DISTINCT FROM (NEW."granted_at") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."is_paid" IS DISTINCT FROM (NEW."is_paid") OR OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."origin_id" IS DISTINCT FROM (NEW."origin_id") OR OLD."priority" IS DISTINCT FROM (NEW."priority") OR OLD."rollover_days" IS DISTINCT FROM (NEW."rollover_days") OR OLD."rollover_ends" IS DISTINCT FROM (NEW."rollover_ends") OR OLD."rollover_most" IS DISTINCT FROM (NEW."rollover_most") OR OLD."rolls_over" IS DISTINCT FROM (NEW."rolls_over") OR OLD."source" IS DISTINCT FROM (NEW."source") OR OLD."valid_from" IS DISTINCT FROM (NEW."valid_from") OR OLD."wallet_id" IS DISTINCT FROM (NEW."wallet_id"))', func='INSERT INTO "wallets_lotevent" ("amount", "cost", "expires_at", "features", "granted_at", "id", "is_paid", "kind", "origin_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "priority", "rollover_days", "rollover_ends", "rollover_most", "rolls_over", "source", "valid_from", "wallet_id") VALUES (NEW."amount", NEW."cost", NEW."expires_at", NEW."features", NEW."granted_at", NEW."id", NEW."is_paid", NEW."kind", NEW."origin_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."priority", NEW."rollover_days", NEW."rollover_ends", NEW."rollover_most", NEW."rolls_over", NEW."source", NEW."valid_from", NEW."wallet_id"); RETURN NULL;', hash='8437c7bc865dcd76388b2a8a94255b3fce354062', operation='UPDATE', pgid='pgtrigger_update_update_790fc', table='wallets_lot', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='lot',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallets_lotevent" ("amount", "cost", "expires_at", "features", "granted_at", "id", "is_paid", "kind", "origin_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "priority", "rollover_days", "rollover_ends", "rollover_most", "rolls_over", "source", "valid_from", "wallet_id") VALUES (OLD."amount", OLD."cost", OLD."expires_at", OLD."features", OLD."granted_at", OLD."id", OLD."is_paid", OLD."kind", OLD."origin_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."priority", OLD."rollover_days", OLD."rollover_ends", OLD."rollover_most", OLD."rolls_over", OLD."source", OLD."valid_from", OLD."wallet_id"); RETURN NULL;', hash='098cb62f7170159905f5159e4a4c0913f0dc3347', operation='DELETE', pgid='pgtrigger_delete_delete_6d71b', table='wallets_lot', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='holdshare',
            constraint=models.UniqueConstraint(fields=('hold', 'wallet', 'lot'), name='lot_is_held_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='holdshare',
            constraint=models.CheckConstraint(condition=models.Q(('units__gt', 0), ('units__lte', Decimal('1E+18'))), name='something_is_held'),
        ),
        migrations.AddIndex(
            model_name='entry',
            index=models.Index(fields=['transaction'], name='entry_of_transaction'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.CheckConstraint(condition=models.Q(('account__in', ['wallet', 'world', 'earned', 'breakage', 'promotional'])), name='account_is_known'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.CheckConstraint(condition=models.Q(('units__gte', Decimal('-1E+18')), ('units__lte', Decimal('1E+18'))), name='entry_units_are_finite'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.CheckConstraint(condition=models.Q(('money__gte', Decimal('-1E+18')), ('money__lte', Decimal('1E+18'))), name='entry_money_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.CheckConstraint(condition=models.Q(('balance_after__gte', Decimal('-1E+18')), ('balance_after__lte', Decimal('1E+18'))), name='entry_balance_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('account', 'wallet'), ('balance_after__isnull', False), ('place__gte', 1)), models.Q(models.Q(('account', 'wallet'), _negated=True), ('balance_after__isnull', True), ('lot__isnull', True), ('place__isnull', True)), _connector='OR'), name='entries_of_the_wallet_have_a_place'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.UniqueConstraint(fields=('wallet', 'place'), name='place_is_taken_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='entry',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='1740abf2fae4c2ce4fe891168579708b575fb2d2', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_9020b', table='wallets_entry', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='entry',
            trigger=pgtrigger.compiler.Trigger(name='entries_sum_to_zero', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF EXISTS (\n                SELECT FROM new_rows GROUP BY transaction_id\n                HAVING sum(units) <> 0 OR sum(money) <> 0 OR count(*) < 2 OR count(DISTINCT wallet_id) > 1\n            ) THEN\n                RAISE EXCEPTION 'entries_sum_to_zero: what one account gains, another one loses'\n                USING ERRCODE = 'check_violation';\n            END IF;\n            RETURN NULL;\n        ", hash='08febd644f15a81cb0f00acf5c90d329a5de3ef5', level='STATEMENT', operation='INSERT', pgid='pgtrigger_entries_sum_to_zero_2ac2a', referencing='REFERENCING NEW TABLE AS new_rows ', table='wallets_entry', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='walletevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='73b8ffc59df1c9161f194bd630408a20505d06ec', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_3e2e7', table='wallets_walletevent', when='BEFORE')),
        ),
        # Room beside each row for its next versions, so that no index has to hear of them.
        migrations.RunSQL(
            "ALTER TABLE wallets_lot SET (fillfactor = 60); ALTER TABLE wallets_wallet SET (fillfactor = 60)",
            "ALTER TABLE wallets_lot RESET (fillfactor); ALTER TABLE wallets_wallet RESET (fillfactor)",
        ),
    ]
