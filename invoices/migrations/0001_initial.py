import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import djmoney.models.fields
import pgtrigger.compiler
import pgtrigger.migrations
import plans.bounds
from decimal import Decimal
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('customers', '0001_initial'),
        ('pghistory', '0007_auto_20250421_0444'),
        ('plans', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='NumberSeries',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.SlugField(max_length=20)),
                ('prefix', models.CharField(help_text='Printed before the number, such as INV-.', max_length=10)),
                ('sandbox', models.BooleanField(default=False)),
                ('last_number', models.PositiveBigIntegerField(default=0)),
                ('seller', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='number_series', to='customers.seller')),
            ],
            options={
                'verbose_name_plural': 'number series',
            },
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
            name='Invoice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reference', models.CharField(max_length=80, unique=True)),
                ('sandbox', models.BooleanField(default=False)),
                ('state', models.CharField(choices=[('draft', 'draft'), ('issued', 'issued'), ('paid', 'paid'), ('overdue', 'overdue'), ('void', 'void'), ('uncollectible', 'uncollectible')], default='draft', max_length=14)),
                ('sequence', models.PositiveBigIntegerField(null=True)),
                ('number', models.CharField(max_length=40, null=True, unique=True)),
                ('issued_at', models.DateTimeField(null=True)),
                ('issue_date', models.DateField(null=True)),
                ('due_date', models.DateField(null=True)),
                ('period_start', models.DateTimeField()),
                ('period_end', models.DateTimeField()),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('net', djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=4, max_digits=19)),
                ('tax', djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=4, max_digits=19)),
                ('total', djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=4, max_digits=19)),
                ('seller_facts', models.JSONField(default=dict)),
                ('buyer_facts', models.JSONField(default=dict)),
                ('purchase_order', models.CharField(blank=True, max_length=80)),
                ('note', models.TextField(blank=True)),
                ('created_at', models.DateTimeField()),
                ('customer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='invoices', to='customers.customer')),
                ('seller', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='invoices', to='customers.seller')),
                ('series', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='invoices.numberseries')),
            ],
        ),
        migrations.CreateModel(
            name='InvoiceEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
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
                ('seller_facts', models.JSONField(default=dict)),
                ('buyer_facts', models.JSONField(default=dict)),
                ('purchase_order', models.CharField(blank=True, max_length=80)),
                ('note', models.TextField(blank=True)),
                ('created_at', models.DateTimeField()),
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
        ),
        migrations.CreateModel(
            name='Line',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('kind', models.CharField(choices=[('fee', 'fee'), ('usage', 'usage'), ('late_usage', 'late usage')], max_length=12)),
                ('description', models.CharField(max_length=300)),
                ('service_start', models.DateTimeField()),
                ('service_end', models.DateTimeField()),
                ('quantity', plans.bounds.QuantityField()),
                ('unit', models.CharField(blank=True, max_length=40)),
                ('currency', djmoney.models.fields.CurrencyField(default=None, max_length=3)),
                ('amount', djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=4, max_digits=19)),
                ('tax_rate', models.DecimalField(decimal_places=4, max_digits=7)),
                ('explanation', models.JSONField(default=dict)),
                ('fee', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.fee')),
                ('invoice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='invoices.invoice')),
                ('plan_feature', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.planfeature')),
                ('rate', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='plans.rate')),
            ],
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
        migrations.AddConstraint(
            model_name='invoicetax',
            constraint=models.UniqueConstraint(fields=('invoice', 'rate', 'reason'), name='tax_rate_is_listed_once'),
        ),
        migrations.AddConstraint(
            model_name='invoicetax',
            constraint=models.CheckConstraint(condition=models.Q(('rate__gte', 0), ('rate__lte', 100)), name='invoice_tax_rate_is_0_to_100_percent'),
        ),
        migrations.AddConstraint(
            model_name='invoicetax',
            constraint=models.CheckConstraint(condition=models.Q(('taxable__gte', Decimal('-1E+12')), ('taxable__lte', Decimal('1E+12'))), name='taxable_amount_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='invoicetax',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', Decimal('-1E+12')), ('amount__lte', Decimal('1E+12'))), name='tax_amount_is_finite'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoicetax',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF EXISTS (\n            SELECT 1 FROM new_rows r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note'\n            USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='45d0110dfc3a8b76fa60d37b11123d66f003581d', level='STATEMENT', operation='INSERT', pgid='pgtrigger_issued_invoice_keeps_its_rows_insert_c9590', referencing='REFERENCING NEW TABLE AS new_rows ', table='invoices_invoicetax', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoicetax',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF EXISTS (\n            SELECT 1 FROM old_rows r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note'\n            USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='de0a1858843e1438600d4c477e55a35d026b8263', level='STATEMENT', operation='DELETE', pgid='pgtrigger_issued_invoice_keeps_its_rows_delete_963bb', referencing='REFERENCING OLD TABLE AS old_rows ', table='invoices_invoicetax', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoicetax',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_update', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF EXISTS (\n            SELECT 1 FROM (SELECT * FROM old_rows UNION ALL SELECT * FROM new_rows) r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note'\n            USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='3949d22cb1f4dc3b7c4c524fa76fd4c55a430262', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_issued_invoice_keeps_its_rows_update_4dea0', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='invoices_invoicetax', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='line',
            constraint=models.UniqueConstraint(fields=('invoice', 'position'), name='line_position_is_used_once'),
        ),
        migrations.AddConstraint(
            model_name='line',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['fee', 'usage', 'late_usage'])), name='line_kind_is_known'),
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
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF EXISTS (\n            SELECT 1 FROM new_rows r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note'\n            USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='d52677ffa8f25a1e4afefb94f1c7eb920c027eec', level='STATEMENT', operation='INSERT', pgid='pgtrigger_issued_invoice_keeps_its_rows_insert_c7dca', referencing='REFERENCING NEW TABLE AS new_rows ', table='invoices_line', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='line',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF EXISTS (\n            SELECT 1 FROM old_rows r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note'\n            USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='0bdbb68eb35fc976e29f086d36d42cc0c8a1f583', level='STATEMENT', operation='DELETE', pgid='pgtrigger_issued_invoice_keeps_its_rows_delete_015bc', referencing='REFERENCING OLD TABLE AS old_rows ', table='invoices_line', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='line',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_update', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF EXISTS (\n            SELECT 1 FROM (SELECT * FROM old_rows UNION ALL SELECT * FROM new_rows) r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note'\n            USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='ded33bb110c6ffaae0651982a1eafae0476fea62', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_issued_invoice_keeps_its_rows_update_e5bae', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='invoices_line', when='AFTER')),
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
            index=models.Index(models.OrderBy(django.db.models.functions.comparison.Coalesce('issued_at', 'created_at'), descending=True), name='invoice_by_time'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'issued', 'paid', 'overdue', 'void', 'uncollectible'])), name='invoice_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.UniqueConstraint(fields=('series', 'sequence'), name='number_is_given_once_per_series'),
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
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_changes_only_its_state', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF OLD.state = 'draft' THEN\n                IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n                RETURN NEW;\n            END IF;\n            IF TG_OP = 'DELETE'\n               OR (to_jsonb(NEW) - ARRAY['state']) IS DISTINCT FROM (to_jsonb(OLD) - ARRAY['state'])\n               OR (OLD.state, NEW.state) NOT IN (\n                    ('issued', 'issued'), ('issued', 'paid'), ('issued', 'overdue'), ('issued', 'void'),\n                    ('issued', 'uncollectible'), ('overdue', 'overdue'), ('overdue', 'paid'), ('overdue', 'void'),\n                    ('overdue', 'uncollectible'), ('uncollectible', 'paid'), ('paid', 'paid'), ('void', 'void'),\n                    ('uncollectible', 'uncollectible')) THEN\n                RAISE EXCEPTION 'issued_invoice_changes_only_its_state: % is issued; correct it by a credit note',\n                    OLD.number USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NEW;\n        ", hash='32eebdcb126f02441c5534dc8fc4198dde5ec43f', operation='UPDATE OR DELETE', pgid='pgtrigger_issued_invoice_changes_only_its_state_61195', table='invoices_invoice', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_equals_its_lines_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF EXISTS (\n            SELECT 1 FROM new_rows i\n            LEFT JOIN LATERAL (\n                SELECT sum(l.amount) AS net, bool_and(l.currency = i.currency) AS same\n                FROM invoices_line l WHERE l.invoice_id = i.id\n            ) lines ON true\n            LEFT JOIN LATERAL (\n                SELECT sum(t.amount) AS tax, sum(t.taxable) AS taxable, bool_and(t.currency = i.currency) AS same\n                FROM invoices_invoicetax t WHERE t.invoice_id = i.id\n            ) taxes ON true\n            WHERE i.state <> 'draft' AND (\n                i.net <> coalesce(lines.net, 0) OR i.tax <> coalesce(taxes.tax, 0)\n                OR i.net <> coalesce(taxes.taxable, 0)\n                OR NOT coalesce(lines.same, true) OR NOT coalesce(taxes.same, true))\n        ) THEN\n            RAISE EXCEPTION 'issued_invoice_equals_its_lines: its net, tax or currency differs from its rows'\n            USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='244b5002078ac74db06a0371edcd2830cc6bbc56', level='STATEMENT', operation='INSERT', pgid='pgtrigger_issued_invoice_equals_its_lines_insert_92fef', referencing='REFERENCING NEW TABLE AS new_rows ', table='invoices_invoice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_equals_its_lines_update', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF EXISTS (\n            SELECT 1 FROM new_rows i\n            LEFT JOIN LATERAL (\n                SELECT sum(l.amount) AS net, bool_and(l.currency = i.currency) AS same\n                FROM invoices_line l WHERE l.invoice_id = i.id\n            ) lines ON true\n            LEFT JOIN LATERAL (\n                SELECT sum(t.amount) AS tax, sum(t.taxable) AS taxable, bool_and(t.currency = i.currency) AS same\n                FROM invoices_invoicetax t WHERE t.invoice_id = i.id\n            ) taxes ON true\n            WHERE i.state <> 'draft' AND (\n                i.net <> coalesce(lines.net, 0) OR i.tax <> coalesce(taxes.tax, 0)\n                OR i.net <> coalesce(taxes.taxable, 0)\n                OR NOT coalesce(lines.same, true) OR NOT coalesce(taxes.same, true))\n        ) THEN\n            RAISE EXCEPTION 'issued_invoice_equals_its_lines: its net, tax or currency differs from its rows'\n            USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='07891d16691381e74532d9e36212632a1827a00e', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_issued_invoice_equals_its_lines_update_a76fa', referencing='REFERENCING NEW TABLE AS new_rows ', table='invoices_invoice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "invoices_invoiceevent" ("buyer_facts", "created_at", "currency", "customer_id", "due_date", "id", "issue_date", "issued_at", "net", "note", "number", "period_end", "period_start", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "purchase_order", "reference", "sandbox", "seller_facts", "seller_id", "sequence", "series_id", "state", "tax", "total") VALUES (NEW."buyer_facts", NEW."created_at", NEW."currency", NEW."customer_id", NEW."due_date", NEW."id", NEW."issue_date", NEW."issued_at", NEW."net", NEW."note", NEW."number", NEW."period_end", NEW."period_start", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."purchase_order", NEW."reference", NEW."sandbox", NEW."seller_facts", NEW."seller_id", NEW."sequence", NEW."series_id", NEW."state", NEW."tax", NEW."total"); RETURN NULL;', hash='1b91d16eed3f9edb4a253ab545b7de2ba6c6e17e', operation='UPDATE', pgid='pgtrigger_update_update_2ec8f', table='invoices_invoice', when='AFTER')),
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
