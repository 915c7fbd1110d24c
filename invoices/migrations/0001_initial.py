import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import djmoney.models.fields
import pgtrigger.compiler
import pgtrigger.migrations
import lib.field_types
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '__first__'),
        ('customers', '0001_initial'),
        ('pghistory', '0007_auto_20250421_0444'),
        ('plans', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Invoice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('invoice', 'invoice'), ('credit_note', 'credit note')], db_default='invoice', max_length=11)),
                ('reference', models.CharField(max_length=80)),
                ('sandbox', models.BooleanField(default=False)),
                ('state', models.CharField(choices=[('draft', 'draft'), ('issued', 'issued'), ('paid', 'paid'), ('overdue', 'overdue'), ('void', 'void'), ('uncollectible', 'uncollectible')], default='draft', max_length=14)),
                ('sequence', models.PositiveBigIntegerField(null=True)),
                ('number', models.CharField(max_length=40, null=True)),
                ('issued_at', models.DateTimeField(null=True)),
                ('issue_date', models.DateField(null=True)),
                ('due_date', models.DateField(null=True)),
                ('period_start', models.DateTimeField()),
                ('period_end', models.DateTimeField()),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('net', djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=4, max_digits=19)),
                ('tax', djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=4, max_digits=19)),
                ('total', djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=4, max_digits=19)),
                ('credited', models.DecimalField(db_default=Decimal('0'), decimal_places=4, default=Decimal('0'), max_digits=19)),
                ('paid', models.DecimalField(db_default=Decimal('0'), decimal_places=4, default=Decimal('0'), max_digits=19)),
                ('reason', models.CharField(blank=True, db_default='', max_length=300)),
                ('credit_to', models.CharField(blank=True, choices=[('balance', "the customer's balance"), ('refund', 'back to the customer'), ('offset', 'set off against the invoice')], db_default='', max_length=7)),
                ('seller_facts', models.JSONField(default=dict)),
                ('buyer_facts', models.JSONField(default=dict)),
                ('purchase_order', models.CharField(blank=True, max_length=80)),
                ('note', models.TextField(blank=True)),
                ('created_at', models.DateTimeField()),
                ('corrects', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='corrections', to='invoices.invoice')),
                ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='invoices', to='customers.customer')),
                ('seller', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='invoices', to='customers.seller')),
            ],
            options={
                'permissions': [('issue_creditnote', 'Can issue credit notes')],
            },
        ),
        migrations.CreateModel(
            name='Line',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('kind', models.CharField(choices=[('fee', 'fee'), ('usage', 'usage'), ('late_usage', 'late usage'), ('true_up', 'true-up: what is missing to a commitment'), ('surcharge', 'surcharge: what usage beyond a commitment costs more, or less'), ('coupon', 'coupon'), ('credit_pack', 'credit pack'), ('proration', 'proration'), ('credit', 'credit'), ('usage_credit', 'usage credit'), ('fee_credit', 'fee credit')], max_length=12)),
                ('description', models.CharField(max_length=300)),
                ('service_start', models.DateTimeField()),
                ('service_end', models.DateTimeField()),
                ('quantity', lib.field_types.QuantityField()),
                ('unit', models.CharField(blank=True, max_length=40)),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('amount', djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=4, max_digits=19)),
                ('tax_rate', models.DecimalField(decimal_places=4, max_digits=7)),
                ('explanation', models.JSONField(default=dict)),
                ('corrects_line', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='invoices.line')),
                ('fee', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.fee')),
                ('invoice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='invoices.invoice')),
                ('plan_feature', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.planfeature')),
                ('rate', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.rate')),
            ],
        ),
        migrations.CreateModel(
            name='Discount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('amount', models.DecimalField(decimal_places=4, max_digits=19)),
                ('invoice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='discounts', to='invoices.invoice')),
                ('coupon_line', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='shares', to='invoices.line')),
                ('line', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='discounts', to='invoices.line')),
            ],
        ),
        migrations.CreateModel(
            name='MonthLock',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField()),
                ('checklist', models.JSONField(default=list)),
                ('sums', models.JSONField(default=list)),
                ('note', models.CharField(blank=True, max_length=500)),
                ('locked_at', models.DateTimeField()),
                ('unlock_reason', models.CharField(blank=True, max_length=500)),
                ('unlocked_at', models.DateTimeField(null=True)),
                ('locked_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('seller', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='month_locks', to='customers.seller')),
                ('unlocked_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'permissions': [('lock_month', 'Can lock months'), ('unlock_month', 'Can unlock months')],
            },
        ),
        migrations.CreateModel(
            name='MonthLockEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('month', models.DateField()),
                ('checklist', models.JSONField(default=list)),
                ('sums', models.JSONField(default=list)),
                ('note', models.CharField(blank=True, max_length=500)),
                ('locked_at', models.DateTimeField()),
                ('unlock_reason', models.CharField(blank=True, max_length=500)),
                ('unlocked_at', models.DateTimeField(null=True)),
                ('locked_by', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='invoices.monthlock')),
                ('seller', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='customers.seller')),
                ('unlocked_by', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='NumberSeries',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.SlugField(max_length=20)),
                ('prefix', models.CharField(help_text='Printed before the number, such as INV-.', max_length=10)),
                ('kind', models.CharField(choices=[('invoice', 'invoice'), ('credit_note', 'credit note')], db_default='invoice', max_length=11)),
                ('sandbox', models.BooleanField(default=False)),
                ('last_number', models.PositiveBigIntegerField(default=0)),
                ('last_issued_at', models.DateTimeField(editable=False, null=True)),
                ('seller', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='number_series', to='customers.seller')),
                ('test_clock', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.testclock')),
            ],
            options={
                'verbose_name_plural': 'number series',
            },
        ),
        migrations.CreateModel(
            name='InvoiceEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('kind', models.CharField(choices=[('invoice', 'invoice'), ('credit_note', 'credit note')], db_default='invoice', max_length=11)),
                ('reference', models.CharField(max_length=80)),
                ('sandbox', models.BooleanField(default=False)),
                ('state', models.CharField(choices=[('draft', 'draft'), ('issued', 'issued'), ('paid', 'paid'), ('overdue', 'overdue'), ('void', 'void'), ('uncollectible', 'uncollectible')], default='draft', max_length=14)),
                ('sequence', models.PositiveBigIntegerField(null=True)),
                ('number', models.CharField(max_length=40, null=True)),
                ('issued_at', models.DateTimeField(null=True)),
                ('issue_date', models.DateField(null=True)),
                ('due_date', models.DateField(null=True)),
                ('period_start', models.DateTimeField()),
                ('period_end', models.DateTimeField()),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('net', djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=4, max_digits=19)),
                ('tax', djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=4, max_digits=19)),
                ('total', djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=4, max_digits=19)),
                ('credited', models.DecimalField(db_default=Decimal('0'), decimal_places=4, default=Decimal('0'), max_digits=19)),
                ('paid', models.DecimalField(db_default=Decimal('0'), decimal_places=4, default=Decimal('0'), max_digits=19)),
                ('reason', models.CharField(blank=True, db_default='', max_length=300)),
                ('credit_to', models.CharField(blank=True, choices=[('balance', "the customer's balance"), ('refund', 'back to the customer'), ('offset', 'set off against the invoice')], db_default='', max_length=7)),
                ('seller_facts', models.JSONField(default=dict)),
                ('buyer_facts', models.JSONField(default=dict)),
                ('purchase_order', models.CharField(blank=True, max_length=80)),
                ('note', models.TextField(blank=True)),
                ('created_at', models.DateTimeField()),
                ('corrects', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='invoices.invoice')),
                ('customer', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='customers.customer')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='invoices.invoice')),
                ('seller', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='customers.seller')),
                ('series', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='invoices.numberseries')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='invoice',
            name='series',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='invoices.numberseries'),
        ),
        migrations.CreateModel(
            name='Payment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('amount', models.DecimalField(decimal_places=4, max_digits=19)),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('method', models.CharField(choices=[('manual', 'recorded by hand'), ('wallet', 'from a wallet'), ('sandbox', 'sandbox: no money moved')], max_length=7)),
                ('reference', models.CharField(max_length=120)),
                ('paid_at', models.DateTimeField()),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField()),
                ('by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('invoice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='payments', to='invoices.invoice')),
            ],
            options={
                'permissions': [('record_payment', 'Can record payments')],
            },
        ),
        migrations.CreateModel(
            name='Rendering',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content', models.BinaryField(null=True)),
                ('sha256', models.CharField(blank=True, max_length=64)),
                ('attempts', models.PositiveSmallIntegerField(default=1)),
                ('error', models.TextField(blank=True)),
                ('retry_at', models.DateTimeField(null=True)),
                ('rendered_at', models.DateTimeField(null=True)),
                ('invoice', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='rendering', to='invoices.invoice')),
            ],
        ),
        migrations.CreateModel(
            name='TaxRate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(default='VAT', max_length=40)),
                ('country', models.CharField(blank=True, help_text="Customer's country; empty for all others.", max_length=2)),
                ('rate', models.DecimalField(decimal_places=4, help_text='Percent.', max_digits=7)),
                ('valid_from', models.DateField()),
                ('valid_to', models.DateField(blank=True, null=True)),
                ('seller', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tax_rates', to='customers.seller')),
            ],
        ),
        migrations.CreateModel(
            name='TaxRateEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('name', models.CharField(default='VAT', max_length=40)),
                ('country', models.CharField(blank=True, help_text="Customer's country; empty for all others.", max_length=2)),
                ('rate', models.DecimalField(decimal_places=4, help_text='Percent.', max_digits=7)),
                ('valid_from', models.DateField()),
                ('valid_to', models.DateField(blank=True, null=True)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='invoices.taxrate')),
                ('seller', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='customers.seller')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='InvoiceTax',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40)),
                ('rate', models.DecimalField(decimal_places=4, max_digits=7)),
                ('reason', models.CharField(blank=True, help_text='Why the rate is zero.', max_length=200)),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('taxable', djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=4, max_digits=19)),
                ('amount', djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=4, max_digits=19)),
                ('invoice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='taxes', to='invoices.invoice')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('invoice', 'rate', 'reason'), name='tax_rate_is_listed_once'), models.CheckConstraint(condition=models.Q(('rate__gte', 0), ('rate__lte', 100)), name='invoice_tax_rate_is_0_to_100_percent'), models.CheckConstraint(condition=models.Q(('taxable__gte', Decimal('-1E+12')), ('taxable__lte', Decimal('1E+12'))), name='taxable_amount_is_finite'), models.CheckConstraint(condition=models.Q(('amount__gte', Decimal('-1E+12')), ('amount__lte', Decimal('1E+12'))), name='tax_amount_is_finite')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoicetax',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_insert', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM new_rows r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note' USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='68489acf978629bd09cc42c53216e8d6022719be', level='STATEMENT', operation='INSERT', pgid='pgtrigger_issued_invoice_keeps_its_rows_insert_c9590', referencing='REFERENCING NEW TABLE AS new_rows ', table='invoices_invoicetax', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoicetax',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_delete', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM old_rows r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note' USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='21c6745428841c5a598916bec5e48aa3eda13397', level='STATEMENT', operation='DELETE', pgid='pgtrigger_issued_invoice_keeps_its_rows_delete_963bb', referencing='REFERENCING OLD TABLE AS old_rows ', table='invoices_invoicetax', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoicetax',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_update', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM (SELECT * FROM old_rows UNION ALL SELECT * FROM new_rows) r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note' USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='c236045deeefa2e06bbbaa9fea94b3549f382aec', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_issued_invoice_keeps_its_rows_update_4dea0', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='invoices_invoicetax', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='line',
            index=models.Index(condition=models.Q(('corrects_line__isnull', False)), fields=['corrects_line'], name='line_by_corrected'),
        ),
        migrations.AddConstraint(
            model_name='line',
            constraint=models.UniqueConstraint(fields=('invoice', 'position'), name='line_position_is_used_once'),
        ),
        migrations.AddConstraint(
            model_name='line',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['fee', 'usage', 'late_usage', 'true_up', 'surcharge', 'coupon', 'credit_pack', 'proration', 'credit', 'usage_credit', 'fee_credit'])), name='line_kind_is_known'),
        ),
        migrations.AddConstraint(
            model_name='line',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('corrects_line__isnull', False), ('kind__in', ('credit', 'usage_credit', 'fee_credit'))), models.Q(models.Q(('kind__in', ('credit', 'usage_credit', 'fee_credit')), _negated=True), ('corrects_line__isnull', True)), _connector='OR'), name='credit_names_the_line_that_it_is_of'),
        ),
        migrations.AddConstraint(
            model_name='line',
            constraint=models.CheckConstraint(condition=models.Q(('quantity__gte', Decimal('-1E+50')), ('quantity__lte', Decimal('1E+50'))), name='line_quantity_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='line',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', Decimal('-1E+12')), ('amount__lte', Decimal('1E+12'))), name='line_amount_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='line',
            constraint=models.CheckConstraint(condition=models.Q(('tax_rate__gte', 0), ('tax_rate__lte', 100)), name='line_tax_rate_is_0_to_100_percent'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='line',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_insert', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM new_rows r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note' USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='aee9bc8d49cadee9c407430739bda8ed988e32ac', level='STATEMENT', operation='INSERT', pgid='pgtrigger_issued_invoice_keeps_its_rows_insert_c7dca', referencing='REFERENCING NEW TABLE AS new_rows ', table='invoices_line', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='line',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_delete', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM old_rows r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note' USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='539da01a2b9acca917b090dbf1eb5aecaa2db3fc', level='STATEMENT', operation='DELETE', pgid='pgtrigger_issued_invoice_keeps_its_rows_delete_015bc', referencing='REFERENCING OLD TABLE AS old_rows ', table='invoices_line', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='line',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_update', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM (SELECT * FROM old_rows UNION ALL SELECT * FROM new_rows) r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note' USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='e2c63854f06477dd95dde6e190a1b411fd0a5f90', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_issued_invoice_keeps_its_rows_update_e5bae', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='invoices_line', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='discount',
            constraint=models.UniqueConstraint(fields=('coupon_line', 'line'), name='coupon_takes_off_a_line_once'),
        ),
        migrations.AddConstraint(
            model_name='discount',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('amount__lte', Decimal('1E+12'))), name='discount_is_above_zero'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='discount',
            trigger=pgtrigger.compiler.Trigger(name='coupon_is_shared_out_whole', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n            SELECT 1 FROM new_rows r\n            JOIN invoices_line c ON c.id = r.coupon_line_id JOIN invoices_line l ON l.id = r.line_id\n            WHERE c.kind <> 'coupon' OR l.kind = 'coupon' OR c.invoice_id <> r.invoice_id\n                OR l.invoice_id <> r.invoice_id OR c.tax_rate <> l.tax_rate\n                OR -c.amount <> (SELECT sum(d.amount) FROM invoices_discount d WHERE d.coupon_line_id = c.id)\n                OR l.amount < (SELECT sum(d.amount) FROM invoices_discount d WHERE d.line_id = l.id)\n            ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'coupon_is_shared_out_whole: its shares are not what its line takes off, or more than a line claims' USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='934746307da94af2dbd327b971ca111c7e6e5b16', level='STATEMENT', operation='INSERT', pgid='pgtrigger_coupon_is_shared_out_whole_b198b', referencing='REFERENCING NEW TABLE AS new_rows ', table='invoices_discount', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='discount',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_insert', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM new_rows r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note' USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='db3f742d3dba18adb4d4c41d5bdff0ca65adc1d2', level='STATEMENT', operation='INSERT', pgid='pgtrigger_issued_invoice_keeps_its_rows_insert_769aa', referencing='REFERENCING NEW TABLE AS new_rows ', table='invoices_discount', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='discount',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_delete', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM old_rows r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note' USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='4f3179b7426437600bc120eea5a624b90271b8d9', level='STATEMENT', operation='DELETE', pgid='pgtrigger_issued_invoice_keeps_its_rows_delete_8909e', referencing='REFERENCING OLD TABLE AS old_rows ', table='invoices_discount', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='discount',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_update', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM (SELECT * FROM old_rows UNION ALL SELECT * FROM new_rows) r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note' USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='786a24122be7193dec9822fdbd229aee85d5f518', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_issued_invoice_keeps_its_rows_update_4850a', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='invoices_discount', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='monthlock',
            constraint=models.UniqueConstraint(condition=models.Q(('unlocked_at__isnull', True)), fields=('seller', 'month'), name='month_is_locked_once_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='monthlock',
            constraint=models.CheckConstraint(condition=models.Q(('month__day', 1), ('month__year__gte', 2000), ('month__year__lte', 2200)), name='locked_month_is_named_by_its_first_day'),
        ),
        migrations.AddConstraint(
            model_name='monthlock',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('unlock_reason', ''), ('unlocked_at__isnull', True), ('unlocked_by__isnull', True)), models.Q(('unlocked_at__gte', models.F('locked_at')), ('unlocked_at__isnull', False), models.Q(('unlock_reason', ''), _negated=True)), _connector='OR'), name='unlocked_month_says_when_and_why'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='monthlock',
            trigger=pgtrigger.compiler.Trigger(name='month_lock_is_only_undone', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF TG_OP = 'INSERT' THEN\n                IF NEW.locked_at >= (SELECT (NEW.month + interval '1 month') AT TIME ZONE s.time_zone\n                    FROM customers_seller s WHERE s.id = NEW.seller_id) THEN RETURN NEW; END IF;\n            ELSIF TG_OP = 'UPDATE' AND OLD.unlocked_at IS NULL\n                AND to_jsonb(NEW) - ARRAY['unlock_reason', 'unlocked_by_id', 'unlocked_at'] = to_jsonb(OLD) - ARRAY['unlock_reason', 'unlocked_by_id', 'unlocked_at'] THEN RETURN NEW;\n            END IF;\n            RAISE EXCEPTION 'month_lock_is_only_undone: a month is locked once it is over, and then only unlocked'\n            USING ERRCODE = 'restrict_violation';\n        ", hash='c7d78d69e4c3115628b418236ef13c7af0dc3993', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_month_lock_is_only_undone_e9580', table='invoices_monthlock', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='monthlock',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "invoices_monthlockevent" ("checklist", "id", "locked_at", "locked_by_id", "month", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "seller_id", "sums", "unlock_reason", "unlocked_at", "unlocked_by_id") VALUES (NEW."checklist", NEW."id", NEW."locked_at", NEW."locked_by_id", NEW."month", NEW."note", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."seller_id", NEW."sums", NEW."unlock_reason", NEW."unlocked_at", NEW."unlocked_by_id"); RETURN NULL;', hash='764eec21baf86127925a910dc6fb73953ced8b0e', operation='INSERT', pgid='pgtrigger_insert_insert_7e7d3', table='invoices_monthlock', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='monthlock',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "invoices_monthlockevent" ("checklist", "id", "locked_at", "locked_by_id", "month", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "seller_id", "sums", "unlock_reason", "unlocked_at", "unlocked_by_id") VALUES (NEW."checklist", NEW."id", NEW."locked_at", NEW."locked_by_id", NEW."month", NEW."note", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."seller_id", NEW."sums", NEW."unlock_reason", NEW."unlocked_at", NEW."unlocked_by_id"); RETURN NULL;', hash='bdcb451e589721d89251791ac6a508fb991f8c8e', operation='UPDATE', pgid='pgtrigger_update_update_44415', table='invoices_monthlock', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='monthlock',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "invoices_monthlockevent" ("checklist", "id", "locked_at", "locked_by_id", "month", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "seller_id", "sums", "unlock_reason", "unlocked_at", "unlocked_by_id") VALUES (OLD."checklist", OLD."id", OLD."locked_at", OLD."locked_by_id", OLD."month", OLD."note", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."seller_id", OLD."sums", OLD."unlock_reason", OLD."unlocked_at", OLD."unlocked_by_id"); RETURN NULL;', hash='65c9b576250b74e10e21023752881a8e09692024', operation='DELETE', pgid='pgtrigger_delete_delete_6bb74', table='invoices_monthlock', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='monthlockevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='677dcbf40fe9ccdb2230041787509d2e3adf0ca4', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_8bc2c', table='invoices_monthlockevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='numberseries',
            constraint=models.UniqueConstraint(fields=('seller', 'code'), name='seller_has_a_series_once'),
        ),
        migrations.AddConstraint(
            model_name='numberseries',
            constraint=models.UniqueConstraint(fields=('seller', 'prefix'), name='numbers_of_two_series_never_look_alike'),
        ),
        migrations.AddConstraint(
            model_name='numberseries',
            constraint=models.CheckConstraint(condition=models.Q(('test_clock__isnull', True), ('sandbox', True), _connector='OR'), name='live_numbers_go_by_real_time'),
        ),
        migrations.AddConstraint(
            model_name='numberseries',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['invoice', 'credit_note'])), name='series_numbers_a_known_kind'),
        ),
        migrations.AddConstraint(
            model_name='numberseries',
            constraint=models.CheckConstraint(condition=models.Q(('last_number__gte', 0), ('last_number__lte', 1000000000000)), name='last_number_is_finite'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoiceevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='cca899dfd766a0d6b5433760176121369b250fc9', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_57dc8', table='invoices_invoiceevent', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='invoice',
            index=models.Index(fields=['customer', '-id'], name='invoice_by_customer'),
        ),
        migrations.AddIndex(
            model_name='invoice',
            index=models.Index(fields=['state', '-id'], name='invoice_by_state'),
        ),
        migrations.AddIndex(
            model_name='invoice',
            index=models.Index(condition=models.Q(('corrects__isnull', False)), fields=['corrects'], name='invoice_by_corrected'),
        ),
        migrations.AddIndex(
            model_name='invoice',
            index=models.Index(models.OrderBy(django.db.models.functions.comparison.Coalesce('issued_at', 'created_at'), descending=True), name='invoice_by_time'),
        ),
        migrations.AddIndex(
            model_name='invoice',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['issue_date'], name='invoice_by_date', pages_per_range=32),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['invoice', 'credit_note'])), name='document_kind_is_known'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'issued', 'paid', 'overdue', 'void', 'uncollectible'])), name='invoice_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(models.Q(('kind', 'credit_note'), _negated=True), ('credit_to', '')), models.Q(('corrects__isnull', False), ('credit_to__in', ['balance', 'refund', 'offset']), ('kind', 'credit_note'), models.Q(('reason', ''), _negated=True)), _connector='OR'), name='credit_note_says_of_what_why_and_where_to'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'credit_note'), _negated=True), ('state__in', ('issued', 'paid')), _connector='OR'), name='credit_note_is_issued_at_once'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(('credited__gte', 0), ('credited__lte', models.F('total'))), name='no_more_is_credited_than_was_claimed'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(('paid__gte', 0), ('paid__lte', models.F('total'))), name='no_more_is_paid_than_was_claimed'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'paid'), _negated=True), ('kind', 'credit_note'), ('paid__gte', django.db.models.expressions.CombinedExpression(models.F('total'), '-', models.F('credited'))), _connector='OR'), name='invoice_is_paid_when_nothing_is_due'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.UniqueConstraint(condition=models.Q(('corrects__isnull', False), ('kind', 'invoice')), fields=('corrects',), name='invoice_is_replaced_by_one_other'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.UniqueConstraint(fields=('reference',), name='nothing_is_billed_twice'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.UniqueConstraint(fields=('series', 'sequence'), name='number_is_given_once_per_series'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.UniqueConstraint(fields=('number', 'seller'), name='number_names_one_document_of_a_seller'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('issued_at__isnull', True), ('number__isnull', True), ('sequence__isnull', True), ('series__isnull', True), ('state', 'draft')), models.Q(models.Q(('state', 'draft'), _negated=True), ('due_date__isnull', False), ('issue_date__isnull', False), ('issued_at__isnull', False), ('number__isnull', False), ('sequence__isnull', False), ('series__isnull', False)), _connector='OR'), name='invoice_has_a_number_if_and_only_if_issued'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(('total', django.db.models.expressions.CombinedExpression(models.F('net'), '+', models.F('tax')))), name='invoice_total_is_net_plus_tax'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(('net__gte', Decimal('-1E+12')), ('net__lte', Decimal('1E+12'))), name='invoice_net_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(('tax__gte', Decimal('-1E+12')), ('tax__lte', Decimal('1E+12'))), name='invoice_tax_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(('total__gte', 0), ('total__lte', Decimal('1E+12'))), name='invoice_total_is_never_negative'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_changes_only_its_state', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF OLD.state = 'draft' THEN\n                IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n                RETURN NEW;\n            END IF;\n            IF TG_OP = 'DELETE'\n               -- only the triggers of credit notes and payments count\n               OR ((NEW.credited, NEW.paid) <> (OLD.credited, OLD.paid) AND pg_trigger_depth() = 1)\n               OR (to_jsonb(NEW) - ARRAY['state', 'credited', 'paid']) IS DISTINCT FROM (to_jsonb(OLD) - ARRAY['state', 'credited', 'paid'])\n               OR (OLD.state, NEW.state) NOT IN (\n                    ('issued', 'issued'), ('issued', 'paid'), ('issued', 'overdue'), ('issued', 'void'),\n                    ('issued', 'uncollectible'), ('overdue', 'overdue'), ('overdue', 'paid'), ('overdue', 'void'),\n                    ('overdue', 'uncollectible'), ('uncollectible', 'paid'), ('paid', 'paid'), ('void', 'void'),\n                    ('uncollectible', 'uncollectible')) THEN\n                RAISE EXCEPTION 'issued_invoice_changes_only_its_state: % is issued; correct it by a credit note',\n                    OLD.number USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NEW;\n        ", hash='44bf5e5f8f75c6fbb414c2f6f8bd700a30e26238', operation='UPDATE OR DELETE', pgid='pgtrigger_issued_invoice_changes_only_its_state_61195', table='invoices_invoice', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_equals_its_lines_insert', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM new_rows i\n        LEFT JOIN LATERAL (\n            SELECT sum(l.amount) AS net, bool_and(l.currency = i.currency\n                AND (l.corrects_line_id IS NOT NULL) = (i.kind = 'credit_note')) AS same,\n                -sum(l.amount) FILTER (WHERE l.kind = 'coupon') AS coupons\n            FROM invoices_line l WHERE l.invoice_id = i.id\n        ) lines ON true\n        LEFT JOIN LATERAL (\n            SELECT sum(t.amount) AS tax, sum(t.taxable) AS taxable, bool_and(t.currency = i.currency) AS same\n            FROM invoices_invoicetax t WHERE t.invoice_id = i.id\n        ) taxes ON true\n        WHERE i.state <> 'draft' AND (\n            i.net <> coalesce(lines.net, 0) OR i.tax <> coalesce(taxes.tax, 0)\n            OR i.net <> coalesce(taxes.taxable, 0)\n            OR NOT coalesce(lines.same, true) OR NOT coalesce(taxes.same, true)\n            OR coalesce(lines.coupons, 0) <>\n                coalesce((SELECT sum(d.amount) FROM invoices_discount d WHERE d.invoice_id = i.id), 0))\n        ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'issued_invoice_equals_its_lines: its net, tax, kind or currency differs from its rows' USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='47eb15367a3b7e7eea539fa8d71f10f9d3efafb4', level='STATEMENT', operation='INSERT', pgid='pgtrigger_issued_invoice_equals_its_lines_insert_92fef', referencing='REFERENCING NEW TABLE AS new_rows ', table='invoices_invoice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_equals_its_lines_update', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM new_rows i\n        LEFT JOIN LATERAL (\n            SELECT sum(l.amount) AS net, bool_and(l.currency = i.currency\n                AND (l.corrects_line_id IS NOT NULL) = (i.kind = 'credit_note')) AS same,\n                -sum(l.amount) FILTER (WHERE l.kind = 'coupon') AS coupons\n            FROM invoices_line l WHERE l.invoice_id = i.id\n        ) lines ON true\n        LEFT JOIN LATERAL (\n            SELECT sum(t.amount) AS tax, sum(t.taxable) AS taxable, bool_and(t.currency = i.currency) AS same\n            FROM invoices_invoicetax t WHERE t.invoice_id = i.id\n        ) taxes ON true\n        WHERE i.state <> 'draft' AND (\n            i.net <> coalesce(lines.net, 0) OR i.tax <> coalesce(taxes.tax, 0)\n            OR i.net <> coalesce(taxes.taxable, 0)\n            OR NOT coalesce(lines.same, true) OR NOT coalesce(taxes.same, true)\n            OR coalesce(lines.coupons, 0) <>\n                coalesce((SELECT sum(d.amount) FROM invoices_discount d WHERE d.invoice_id = i.id), 0))\n        ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'issued_invoice_equals_its_lines: its net, tax, kind or currency differs from its rows' USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='0e6cd8f73fe87352b4dc39dd82af29d5a4b23147', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_issued_invoice_equals_its_lines_update_a76fa', referencing='REFERENCING NEW TABLE AS new_rows ', table='invoices_invoice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='locked_month_takes_no_document_insert', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM new_rows n JOIN invoices_monthlock l ON l.seller_id = n.seller_id AND l.unlocked_at IS NULL\n            AND l.month = date_trunc('month', n.issue_date)::date\n        WHERE n.state <> 'draft' AND NOT n.sandbox\n    ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'locked_month_takes_no_document: date it to a later month, or unlock the month' USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='ea9c698f132405b6b002a730b3c1abf6e734d161', level='STATEMENT', operation='INSERT', pgid='pgtrigger_locked_month_takes_no_document_insert_bba1f', referencing='REFERENCING NEW TABLE AS new_rows ', table='invoices_invoice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='locked_month_takes_no_document_update', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM new_rows n JOIN old_rows o ON o.id = n.id AND o.state = 'draft' JOIN invoices_monthlock l ON l.seller_id = n.seller_id AND l.unlocked_at IS NULL\n            AND l.month = date_trunc('month', n.issue_date)::date\n        WHERE n.state <> 'draft' AND NOT n.sandbox\n    ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'locked_month_takes_no_document: date it to a later month, or unlock the month' USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='bf8483305ed1a752239d37fb492775de7b90021c', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_locked_month_takes_no_document_update_e47b3', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='invoices_invoice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='correction_is_of_the_same_parties', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        IF NOT EXISTS (SELECT 1 FROM new_rows WHERE corrects_id IS NOT NULL) THEN\n            RETURN NULL;\n        END IF;\n        \n        EXECUTE $check$ SELECT EXISTS (\n            SELECT 1 FROM new_rows n JOIN invoices_invoice i ON i.id = n.corrects_id\n            WHERE i.kind <> 'invoice' OR i.state = 'draft' OR (i.seller_id, i.customer_id, i.currency, i.sandbox)\n                IS DISTINCT FROM (n.seller_id, n.customer_id, n.currency, n.sandbox)\n            ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'correction_is_of_the_same_parties: it corrects an issued invoice of its seller, customer and currency' USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NULL;\n    \n        ", hash='6d7fcc351c49203b87e25b1f246a4f7decb4fd7d', level='STATEMENT', operation='INSERT', pgid='pgtrigger_correction_is_of_the_same_parties_ec97a', referencing='REFERENCING NEW TABLE AS new_rows ', table='invoices_invoice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='credit_notes_are_counted', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        IF NOT EXISTS (SELECT 1 FROM new_rows WHERE corrects_id IS NOT NULL) THEN\n            RETURN NULL;\n        END IF;\n        \n        EXECUTE $count$\n            UPDATE invoices_invoice i SET credited = i.credited + n.total,\n                state = CASE WHEN i.state NOT IN ('issued', 'overdue') OR i.paid + i.credited + n.total < i.total\n                    THEN i.state WHEN i.paid > 0 THEN 'paid' ELSE 'void' END\n            FROM (SELECT corrects_id, sum(total) AS total FROM new_rows WHERE kind = 'credit_note' GROUP BY 1) n\n            WHERE i.id = n.corrects_id\n        $count$;\n\n        EXECUTE $check$ SELECT EXISTS (\n            SELECT 1 FROM new_rows n JOIN invoices_line c ON c.invoice_id = n.id\n            LEFT JOIN invoices_line l ON l.id = c.corrects_line_id\n            WHERE n.kind = 'credit_note' AND (\n                l.invoice_id IS DISTINCT FROM n.corrects_id OR l.tax_rate <> c.tax_rate\n                OR (SELECT sum(o.amount) FROM invoices_line o WHERE o.corrects_line_id = l.id)\n                    NOT BETWEEN least(0, CASE l.kind WHEN 'coupon' THEN 0 ELSE l.amount - coalesce((SELECT sum(share.amount) FROM invoices_discount share WHERE share.line_id = l.id), 0) END) AND greatest(0, CASE l.kind WHEN 'coupon' THEN 0 ELSE l.amount - coalesce((SELECT sum(share.amount) FROM invoices_discount share WHERE share.line_id = l.id), 0) END))\n            ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'line_is_credited_up_to_its_net: a credit is of a line of its invoice, at its rate of tax, and all of them together are no more than it came to' USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NULL;\n    \n        ", hash='7a006bb4763c00702a6e1e932428b67d3a64f23d', level='STATEMENT', operation='INSERT', pgid='pgtrigger_credit_notes_are_counted_92807', referencing='REFERENCING NEW TABLE AS new_rows ', table='invoices_invoice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "invoices_invoiceevent" ("buyer_facts", "corrects_id", "created_at", "credit_to", "credited", "currency", "customer_id", "due_date", "id", "issue_date", "issued_at", "kind", "net", "note", "number", "paid", "period_end", "period_start", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "purchase_order", "reason", "reference", "sandbox", "seller_facts", "seller_id", "sequence", "series_id", "state", "tax", "total") VALUES (NEW."buyer_facts", NEW."corrects_id", NEW."created_at", NEW."credit_to", NEW."credited", NEW."currency", NEW."customer_id", NEW."due_date", NEW."id", NEW."issue_date", NEW."issued_at", NEW."kind", NEW."net", NEW."note", NEW."number", NEW."paid", NEW."period_end", NEW."period_start", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."purchase_order", NEW."reason", NEW."reference", NEW."sandbox", NEW."seller_facts", NEW."seller_id", NEW."sequence", NEW."series_id", NEW."state", NEW."tax", NEW."total"); RETURN NULL;', hash='2eda68f92ef2c482364a347f0a10c8fbae22a337', operation='UPDATE', pgid='pgtrigger_update_update_2ec8f', table='invoices_invoice', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.UniqueConstraint(fields=('invoice', 'reference'), name='payment_counts_once'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('amount__lte', Decimal('1E+12'))), name='payment_is_above_zero'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(('reference', ''), _negated=True), name='payment_has_a_reference'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(('method__in', ['manual', 'wallet', 'sandbox'])), name='payment_method_is_known'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payment',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='c45d737f1004f157b08400387031865743051668', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_1a6ed', table='invoices_payment', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payment',
            trigger=pgtrigger.compiler.Trigger(name='payments_are_counted', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $count$\n            UPDATE invoices_invoice i SET paid = i.paid + n.amount,\n                state = CASE WHEN i.state IN ('issued', 'overdue', 'uncollectible')\n                    AND i.paid + n.amount + i.credited = i.total THEN 'paid' ELSE i.state END\n            FROM (SELECT invoice_id, sum(amount) AS amount FROM new_rows GROUP BY 1) n WHERE i.id = n.invoice_id\n        $count$;\n    \n        EXECUTE $check$ SELECT EXISTS (\n            SELECT 1 FROM new_rows n JOIN invoices_invoice i ON i.id = n.invoice_id\n            WHERE i.kind <> 'invoice' OR i.state IN ('draft', 'void') OR i.currency <> n.currency\n                OR i.paid + i.credited > i.total\n            ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'no_more_is_paid_than_is_due: a payment is of an issued invoice, in its currency, and up to what is due' USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='79df6a848487b6005b5680cfd10d1d5a701b70bc', level='STATEMENT', operation='INSERT', pgid='pgtrigger_payments_are_counted_faa70', referencing='REFERENCING NEW TABLE AS new_rows ', table='invoices_payment', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='rendering',
            index=models.Index(condition=models.Q(('content__isnull', True)), fields=['retry_at'], name='rendering_due'),
        ),
        migrations.AddConstraint(
            model_name='rendering',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('content__isnull', False), ('rendered_at__isnull', False), ('sha256__regex', '^[0-9a-f]{64}$')), models.Q(('content__isnull', True), ('rendered_at__isnull', True), ('sha256', '')), _connector='OR'), name='rendering_has_a_hash_if_and_only_if_done'),
        ),
        migrations.AddConstraint(
            model_name='taxrate',
            constraint=models.CheckConstraint(condition=models.Q(('rate__gte', 0), ('rate__lte', 100)), name='tax_rate_is_0_to_100_percent'),
        ),
        migrations.AddConstraint(
            model_name='taxrate',
            constraint=models.CheckConstraint(condition=models.Q(('valid_to__isnull', True), ('valid_to__gt', models.F('valid_from')), _connector='OR'), name='tax_rate_ends_after_start'),
        ),
        migrations.AddConstraint(
            model_name='taxrate',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('seller', '='), ('country', '='), (models.Func('valid_from', 'valid_to', function='DATERANGE', output_field=django.contrib.postgres.fields.ranges.DateRangeField()), '&&')], name='one_tax_rate_is_in_force_at_a_time'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='taxrate',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "invoices_taxrateevent" ("country", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rate", "seller_id", "valid_from", "valid_to") VALUES (NEW."country", NEW."id", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."rate", NEW."seller_id", NEW."valid_from", NEW."valid_to"); RETURN NULL;', hash='cc2c0b872761525a22078f398c733facdb34584f', operation='INSERT', pgid='pgtrigger_insert_insert_e23b9', table='invoices_taxrate', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='taxrate',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "invoices_taxrateevent" ("country", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rate", "seller_id", "valid_from", "valid_to") VALUES (NEW."country", NEW."id", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."rate", NEW."seller_id", NEW."valid_from", NEW."valid_to"); RETURN NULL;', hash='aef7da38ff05a442fe672dfb5fd515b4c07fd290', operation='UPDATE', pgid='pgtrigger_update_update_f91f7', table='invoices_taxrate', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='taxrate',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "invoices_taxrateevent" ("country", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rate", "seller_id", "valid_from", "valid_to") VALUES (OLD."country", OLD."id", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."rate", OLD."seller_id", OLD."valid_from", OLD."valid_to"); RETURN NULL;', hash='ec35c108a4d194885a4ca938b9bb1272fbd7107f', operation='DELETE', pgid='pgtrigger_delete_delete_a4e9f', table='invoices_taxrate', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='taxrateevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='75f53252c3637196d718786a852408d7f7c9325b', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_0b51b', table='invoices_taxrateevent', when='BEFORE')),
        ),
    ]
