import customers.models.parties
import datetime
import django.contrib.postgres.fields
import django.contrib.postgres.functions
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.lookups
import djmoney.models.fields
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '__first__'),
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
        migrations.CreateModel(
            name='Contact',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(blank=True, max_length=120)),
                ('email', models.EmailField(max_length=254)),
                ('language', models.CharField(blank=True, help_text="Such as de; empty for the customer's own.", max_length=10)),
                ('billing', models.BooleanField(default=True, help_text='Invoices, payments, top-ups and credits.')),
                ('alerts', models.BooleanField(default=True, help_text='Limits and thresholds that were reached.')),
            ],
        ),
        migrations.CreateModel(
            name='SellerEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('legal_name', models.CharField(max_length=200)),
                ('address_line1', models.CharField(blank=True, max_length=200)),
                ('address_line2', models.CharField(blank=True, max_length=200)),
                ('postal_code', models.CharField(blank=True, max_length=20)),
                ('city', models.CharField(blank=True, max_length=100)),
                ('region', models.CharField(blank=True, max_length=100)),
                ('country', models.CharField(help_text='ISO 3166 code, such as DE.', max_length=2, validators=[django.core.validators.RegexValidator('^[A-Z]{2}$', 'Use the two-letter ISO 3166 code in capitals, such as DE.')])),
                ('tax_number', models.CharField(blank=True, help_text='VAT id, EIN or GSTIN.', max_length=40)),
                ('email', models.EmailField(blank=True, max_length=254)),
                ('time_zone', models.CharField(default='UTC', max_length=64, validators=[customers.models.parties.validate_time_zone])),
                ('locale', models.CharField(default='en_US', help_text='Language and number format of documents.', max_length=10)),
                ('code', models.SlugField(db_index=False, max_length=40)),
                ('currency', djmoney.models.fields.CurrencyField(default='USD', max_length=3)),
                ('grace', models.DurationField(default=datetime.timedelta(seconds=3600), help_text='Waits for stragglers after a period ends.')),
                ('zero_invoices', models.CharField(choices=[('issue', 'issue them'), ('skip', 'skip them')], default='skip', max_length=8)),
                ('late_usage', models.CharField(choices=[('next_invoice', 'a line of its own on the next invoice'), ('reissue', 'credit note and a new invoice'), ('report_only', 'reported only')], default='next_invoice', max_length=12)),
                ('net_days', models.PositiveSmallIntegerField(default=14, help_text='Days from issue until payment is due.')),
                ('breakage', models.CharField(choices=[('expiry', 'when it expires'), ('proportional', 'in proportion to use')], db_default='expiry', default='expiry', max_length=12, verbose_name='breakage is recognised')),
                ('breakage_percent', models.DecimalField(db_default=0, decimal_places=2, default=0, help_text='Of what is prepaid, how much is expected never to be used: for recognition in proportion to use.', max_digits=5, verbose_name='expected breakage (%)')),
                ('bank_details', models.TextField(blank=True)),
                ('footer', models.TextField(blank=True)),
                ('brand_color', models.CharField(default='#1f3a5f', max_length=7)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='TestClock',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120, unique=True)),
                ('now', models.DateTimeField()),
                ('target', models.DateTimeField(blank=True, null=True)),
                ('set_off_from', models.DateTimeField(blank=True, null=True)),
                ('failure', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='TestClockEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('name', models.CharField(max_length=120)),
                ('now', models.DateTimeField()),
                ('target', models.DateTimeField(blank=True, null=True)),
                ('set_off_from', models.DateTimeField(blank=True, null=True)),
                ('failure', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='WebhookEndpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('url', models.CharField(max_length=500, verbose_name='URL')),
                ('description', models.CharField(blank=True, max_length=200)),
                ('sandbox', models.BooleanField(default=False)),
                ('kinds', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), blank=True, default=list, size=None)),
                ('secret', models.TextField(blank=True, editable=False)),
                ('previous_secret', models.TextField(blank=True, default='', editable=False)),
                ('previous_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('failing_since', models.DateTimeField(blank=True, editable=False, null=True)),
                ('disabled_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('disabled_reason', models.CharField(blank=True, choices=[('', 'it is not'), ('by_hand', 'switched off by hand'), ('gone', 'it answered 410 Gone'), ('failing', 'it failed for days'), ('removed', 'removed')], default='', editable=False, max_length=7)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='WebhookEndpointEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('url', models.CharField(max_length=500, verbose_name='URL')),
                ('description', models.CharField(blank=True, max_length=200)),
                ('sandbox', models.BooleanField(default=False)),
                ('kinds', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), blank=True, default=list, size=None)),
                ('previous_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('disabled_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('disabled_reason', models.CharField(blank=True, choices=[('', 'it is not'), ('by_hand', 'switched off by hand'), ('gone', 'it answered 410 Gone'), ('failing', 'it failed for days'), ('removed', 'removed')], default='', editable=False, max_length=7)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
                ('prefix', models.CharField(max_length=32, unique=True)),
                ('secret_sha256', models.CharField(max_length=64, unique=True)),
                ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('ingest', 'ingest: send usage'), ('read', 'read: see usage, customers, plans and invoices'), ('manage', 'manage: change customers and subscriptions')], max_length=10), size=3)),
                ('sandbox', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='ApiKeyEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('name', models.CharField(max_length=120)),
                ('prefix', models.CharField(max_length=32)),
                ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('ingest', 'ingest: send usage'), ('read', 'read: see usage, customers, plans and invoices'), ('manage', 'manage: change customers and subscriptions')], max_length=10), size=3)),
                ('sandbox', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='customers.apikey')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Customer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('legal_name', models.CharField(max_length=200)),
                ('address_line1', models.CharField(blank=True, max_length=200)),
                ('address_line2', models.CharField(blank=True, max_length=200)),
                ('postal_code', models.CharField(blank=True, max_length=20)),
                ('city', models.CharField(blank=True, max_length=100)),
                ('region', models.CharField(blank=True, max_length=100)),
                ('country', models.CharField(help_text='ISO 3166 code, such as DE.', max_length=2, validators=[django.core.validators.RegexValidator('^[A-Z]{2}$', 'Use the two-letter ISO 3166 code in capitals, such as DE.')])),
                ('tax_number', models.CharField(blank=True, help_text='VAT id, EIN or GSTIN.', max_length=40)),
                ('email', models.EmailField(blank=True, max_length=254)),
                ('time_zone', models.CharField(default='UTC', max_length=64, validators=[customers.models.parties.validate_time_zone])),
                ('locale', models.CharField(default='en_US', help_text='Language and number format of documents.', max_length=10)),
                ('external_id', models.CharField(max_length=200)),
                ('currency', djmoney.models.fields.CurrencyField(default='USD', max_length=3)),
                ('sandbox', models.BooleanField(default=False)),
                ('purchase_order', models.CharField(blank=True, max_length=80)),
                ('tax_exemption', models.CharField(blank=True, help_text='Reason printed on documents that carry no tax.', max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('owner', models.ForeignKey(blank=True, help_text='Gets a mail when a limit is reached or a top-up fails.', limit_choices_to={'is_staff': True}, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='account owner')),
            ],
        ),
        migrations.CreateModel(
            name='ContactEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('name', models.CharField(blank=True, max_length=120)),
                ('email', models.EmailField(max_length=254)),
                ('language', models.CharField(blank=True, help_text="Such as de; empty for the customer's own.", max_length=10)),
                ('billing', models.BooleanField(default=True, help_text='Invoices, payments, top-ups and credits.')),
                ('alerts', models.BooleanField(default=True, help_text='Limits and thresholds that were reached.')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='customers.contact')),
                ('customer', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='customers.customer')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='contact',
            name='customer',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='contacts', to='customers.customer'),
        ),
        migrations.CreateModel(
            name='IdempotentRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=255)),
                ('request_sha256', models.CharField(max_length=64)),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('body', models.TextField(blank=True)),
                ('created_at', models.DateTimeField()),
                ('api_key', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='customers.apikey')),
            ],
        ),
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('message_id', models.UUIDField(db_default=django.contrib.postgres.functions.RandomUUID(), editable=False)),
                ('kind', models.CharField(max_length=60)),
                ('facts', models.JSONField(default=dict)),
                ('key', models.CharField(max_length=200)),
                ('created_at', models.DateTimeField()),
                ('recipients', models.PositiveIntegerField(null=True)),
                ('customer', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='notices', to='customers.customer')),
            ],
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('target', models.CharField(max_length=40)),
                ('state', models.CharField(choices=[('pending', 'to be sent'), ('sending', 'being sent'), ('delivered', 'delivered'), ('failed', 'failed, will be tried again'), ('given_up', 'given up')], default='pending', max_length=9)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('next_at', models.DateTimeField(null=True)),
                ('tried_at', models.DateTimeField(null=True)),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('answer', models.CharField(blank=True, default='', max_length=500)),
                ('contact', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='deliveries', to='customers.contact')),
                ('staff', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('notice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='customers.notice')),
            ],
            options={
                'verbose_name_plural': 'deliveries',
            },
        ),
        migrations.CreateModel(
            name='Seller',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('legal_name', models.CharField(max_length=200)),
                ('address_line1', models.CharField(blank=True, max_length=200)),
                ('address_line2', models.CharField(blank=True, max_length=200)),
                ('postal_code', models.CharField(blank=True, max_length=20)),
                ('city', models.CharField(blank=True, max_length=100)),
                ('region', models.CharField(blank=True, max_length=100)),
                ('country', models.CharField(help_text='ISO 3166 code, such as DE.', max_length=2, validators=[django.core.validators.RegexValidator('^[A-Z]{2}$', 'Use the two-letter ISO 3166 code in capitals, such as DE.')])),
                ('tax_number', models.CharField(blank=True, help_text='VAT id, EIN or GSTIN.', max_length=40)),
                ('email', models.EmailField(blank=True, max_length=254)),
                ('time_zone', models.CharField(default='UTC', max_length=64, validators=[customers.models.parties.validate_time_zone])),
                ('locale', models.CharField(default='en_US', help_text='Language and number format of documents.', max_length=10)),
                ('code', models.SlugField(max_length=40, unique=True)),
                ('currency', djmoney.models.fields.CurrencyField(default='USD', max_length=3)),
                ('grace', models.DurationField(default=datetime.timedelta(seconds=3600), help_text='Waits for stragglers after a period ends.')),
                ('zero_invoices', models.CharField(choices=[('issue', 'issue them'), ('skip', 'skip them')], default='skip', max_length=8)),
                ('late_usage', models.CharField(choices=[('next_invoice', 'a line of its own on the next invoice'), ('reissue', 'credit note and a new invoice'), ('report_only', 'reported only')], default='next_invoice', max_length=12)),
                ('net_days', models.PositiveSmallIntegerField(default=14, help_text='Days from issue until payment is due.')),
                ('breakage', models.CharField(choices=[('expiry', 'when it expires'), ('proportional', 'in proportion to use')], db_default='expiry', default='expiry', max_length=12, verbose_name='breakage is recognised')),
                ('breakage_percent', models.DecimalField(db_default=0, decimal_places=2, default=0, help_text='Of what is prepaid, how much is expected never to be used: for recognition in proportion to use.', max_digits=5, verbose_name='expected breakage (%)')),
                ('bank_details', models.TextField(blank=True)),
                ('footer', models.TextField(blank=True)),
                ('brand_color', models.CharField(default='#1f3a5f', max_length=7)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('grace__gte', datetime.timedelta(0)), ('grace__lte', datetime.timedelta(days=60))), name='grace_is_0_to_60_days'), models.CheckConstraint(condition=models.Q(('net_days__lte', 365)), name='net_days_are_365_at_most'), models.CheckConstraint(condition=models.Q(('zero_invoices__in', ['issue', 'skip'])), name='zero_invoice_policy_is_known'), models.CheckConstraint(condition=models.Q(('breakage__in', ['expiry', 'proportional'])), name='breakage_policy_is_known'), models.CheckConstraint(condition=models.Q(('breakage_percent__gte', 0), ('breakage_percent__lt', 100)), name='expected_breakage_is_0_to_100_percent'), models.CheckConstraint(condition=models.Q(('late_usage__in', ['next_invoice', 'reissue', 'report_only'])), name='late_usage_policy_is_known')],
            },
        ),
        migrations.CreateModel(
            name='CustomerEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('legal_name', models.CharField(max_length=200)),
                ('address_line1', models.CharField(blank=True, max_length=200)),
                ('address_line2', models.CharField(blank=True, max_length=200)),
                ('postal_code', models.CharField(blank=True, max_length=20)),
                ('city', models.CharField(blank=True, max_length=100)),
                ('region', models.CharField(blank=True, max_length=100)),
                ('country', models.CharField(help_text='ISO 3166 code, such as DE.', max_length=2, validators=[django.core.validators.RegexValidator('^[A-Z]{2}$', 'Use the two-letter ISO 3166 code in capitals, such as DE.')])),
                ('tax_number', models.CharField(blank=True, help_text='VAT id, EIN or GSTIN.', max_length=40)),
                ('email', models.EmailField(blank=True, max_length=254)),
                ('time_zone', models.CharField(default='UTC', max_length=64, validators=[customers.models.parties.validate_time_zone])),
                ('locale', models.CharField(default='en_US', help_text='Language and number format of documents.', max_length=10)),
                ('external_id', models.CharField(max_length=200)),
                ('currency', djmoney.models.fields.CurrencyField(default='USD', max_length=3)),
                ('sandbox', models.BooleanField(default=False)),
                ('purchase_order', models.CharField(blank=True, max_length=80)),
                ('tax_exemption', models.CharField(blank=True, help_text='Reason printed on documents that carry no tax.', max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('owner', models.ForeignKey(blank=True, db_constraint=False, help_text='Gets a mail when a limit is reached or a top-up fails.', limit_choices_to={'is_staff': True}, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL, verbose_name='account owner')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='customers.customer')),
                ('seller', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='customers.seller')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='customer',
            name='seller',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='customers', to='customers.seller'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='seller',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "customers_sellerevent" ("address_line1", "address_line2", "bank_details", "brand_color", "breakage", "breakage_percent", "city", "code", "country", "currency", "email", "footer", "grace", "id", "late_usage", "legal_name", "locale", "net_days", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "postal_code", "region", "tax_number", "time_zone", "zero_invoices") VALUES (NEW."address_line1", NEW."address_line2", NEW."bank_details", NEW."brand_color", NEW."breakage", NEW."breakage_percent", NEW."city", NEW."code", NEW."country", NEW."currency", NEW."email", NEW."footer", NEW."grace", NEW."id", NEW."late_usage", NEW."legal_name", NEW."locale", NEW."net_days", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."postal_code", NEW."region", NEW."tax_number", NEW."time_zone", NEW."zero_invoices"); RETURN NULL;', hash='5412bef31e45e5afa1501b6b36a7f6ec9b6e2a0b', operation='INSERT', pgid='pgtrigger_insert_insert_8ab7f', table='customers_seller', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='seller',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "customers_sellerevent" ("address_line1", "address_line2", "bank_details", "brand_color", "breakage", "breakage_percent", "city", "code", "country", "currency", "email", "footer", "grace", "id", "late_usage", "legal_name", "locale", "net_days", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "postal_code", "region", "tax_number", "time_zone", "zero_invoices") VALUES (NEW."address_line1", NEW."address_line2", NEW."bank_details", NEW."brand_color", NEW."breakage", NEW."breakage_percent", NEW."city", NEW."code", NEW."country", NEW."currency", NEW."email", NEW."footer", NEW."grace", NEW."id", NEW."late_usage", NEW."legal_name", NEW."locale", NEW."net_days", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."postal_code", NEW."region", NEW."tax_number", NEW."time_zone", NEW."zero_invoices"); RETURN NULL;', hash='465874cd9c89ad94edd3fe6454e82cdc11ab1d0c', operation='UPDATE', pgid='pgtrigger_update_update_d5ccf', table='customers_seller', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='seller',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "customers_sellerevent" ("address_line1", "address_line2", "bank_details", "brand_color", "breakage", "breakage_percent", "city", "code", "country", "currency", "email", "footer", "grace", "id", "late_usage", "legal_name", "locale", "net_days", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "postal_code", "region", "tax_number", "time_zone", "zero_invoices") VALUES (OLD."address_line1", OLD."address_line2", OLD."bank_details", OLD."brand_color", OLD."breakage", OLD."breakage_percent", OLD."city", OLD."code", OLD."country", OLD."currency", OLD."email", OLD."footer", OLD."grace", OLD."id", OLD."late_usage", OLD."legal_name", OLD."locale", OLD."net_days", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."postal_code", OLD."region", OLD."tax_number", OLD."time_zone", OLD."zero_invoices"); RETURN NULL;', hash='7c8053a709605414479fba8dd17710c7a2f56a2f', operation='DELETE', pgid='pgtrigger_delete_delete_65849', table='customers_seller', when='AFTER')),
        ),
        migrations.AddField(
            model_name='sellerevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='sellerevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='customers.seller'),
        ),
        migrations.AddField(
            model_name='testclock',
            name='created_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='customerevent',
            name='test_clock',
            field=models.ForeignKey(blank=True, db_constraint=False, help_text='The time that a sandbox customer lives in; real time without one.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='customers.testclock'),
        ),
        migrations.AddField(
            model_name='customer',
            name='test_clock',
            field=models.ForeignKey(blank=True, db_index=False, help_text='The time that a sandbox customer lives in; real time without one.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='customers', to='customers.testclock'),
        ),
        migrations.AddField(
            model_name='testclockevent',
            name='created_by',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='testclockevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='testclockevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='customers.testclock'),
        ),
        migrations.AddField(
            model_name='webhookendpoint',
            name='created_by',
            field=models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='delivery',
            name='endpoint',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='customers.webhookendpoint'),
        ),
        migrations.AddField(
            model_name='webhookendpointevent',
            name='created_by',
            field=models.ForeignKey(blank=True, db_constraint=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='webhookendpointevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='webhookendpointevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='customers.webhookendpoint'),
        ),
        migrations.AddConstraint(
            model_name='apikey',
            constraint=models.CheckConstraint(condition=models.Q(('scopes__len__gte', 1)), name='key_has_a_scope'),
        ),
        migrations.AddConstraint(
            model_name='apikey',
            constraint=models.CheckConstraint(condition=models.Q(('secret_sha256__regex', '^[0-9a-f]{64}$')), name='secret_is_kept_hashed'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apikey',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "customers_apikeyevent" ("created_at", "created_by_id", "expires_at", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "prefix", "revoked_at", "sandbox", "scopes") VALUES (NEW."created_at", NEW."created_by_id", NEW."expires_at", NEW."id", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."prefix", NEW."revoked_at", NEW."sandbox", NEW."scopes"); RETURN NULL;', hash='d8b9d510f01bc62cb375aaa0ba30e835e7a0b8d1', operation='INSERT', pgid='pgtrigger_insert_insert_0abc2', table='customers_apikey', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apikey',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."created_by_id" IS DISTINCT FROM (NEW."created_by_id") OR OLD."expires_at" IS DISTINCT FROM (NEW."expires_at") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."prefix" IS DISTINCT FROM (NEW."prefix") OR OLD."revoked_at" IS DISTINCT FROM (NEW."revoked_at") OR OLD."sandbox" IS DISTINCT FROM (NEW."sandbox") OR OLD."scopes" IS DISTINCT FROM (NEW."scopes"))', func='INSERT INTO "customers_apikeyevent" ("created_at", "created_by_id", "expires_at", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "prefix", "revoked_at", "sandbox", "scopes") VALUES (NEW."created_at", NEW."created_by_id", NEW."expires_at", NEW."id", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."prefix", NEW."revoked_at", NEW."sandbox", NEW."scopes"); RETURN NULL;', hash='d11844866e1272c53adeebc1ed6ff451d7b557b4', operation='UPDATE', pgid='pgtrigger_update_update_16d24', table='customers_apikey', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apikey',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "customers_apikeyevent" ("created_at", "created_by_id", "expires_at", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "prefix", "revoked_at", "sandbox", "scopes") VALUES (OLD."created_at", OLD."created_by_id", OLD."expires_at", OLD."id", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."prefix", OLD."revoked_at", OLD."sandbox", OLD."scopes"); RETURN NULL;', hash='1c53585ed9be1df63d2cf9b65ca310accd228dcd', operation='DELETE', pgid='pgtrigger_delete_delete_2049f', table='customers_apikey', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apikeyevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='4c2a93ec34ba3fb5e5bd2b3895b53adfa2e4e817', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_e720e', table='customers_apikeyevent', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='contactevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='148e5d94a0b9a7b4c299fcf9d6ddcbb2c9c45508', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_a1838', table='customers_contactevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='contact',
            constraint=models.UniqueConstraint(fields=('customer', 'email'), name='contact_is_listed_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='contact',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "customers_contactevent" ("alerts", "billing", "customer_id", "email", "id", "language", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."alerts", NEW."billing", NEW."customer_id", NEW."email", NEW."id", NEW."language", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."id"); RETURN NULL;', hash='a218f810c3ab749fba3afc53590a4b2ea9ef9fd8', operation='INSERT', pgid='pgtrigger_insert_insert_84620', table='customers_contact', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='contact',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "customers_contactevent" ("alerts", "billing", "customer_id", "email", "id", "language", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."alerts", NEW."billing", NEW."customer_id", NEW."email", NEW."id", NEW."language", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id"); RETURN NULL;', hash='734346afb841658771f39a8a2cc0f2226a14838d', operation='UPDATE', pgid='pgtrigger_update_update_760d1', table='customers_contact', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='contact',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "customers_contactevent" ("alerts", "billing", "customer_id", "email", "id", "language", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (OLD."alerts", OLD."billing", OLD."customer_id", OLD."email", OLD."id", OLD."language", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id"); RETURN NULL;', hash='a0b52d35d20a6aa15bb328937b1cdea59afd4937', operation='DELETE', pgid='pgtrigger_delete_delete_2a63b', table='customers_contact', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='idempotentrequest',
            index=models.Index(fields=['created_at'], name='idempotent_request_by_age'),
        ),
        migrations.AddConstraint(
            model_name='idempotentrequest',
            constraint=models.UniqueConstraint(fields=('api_key', 'key'), name='idempotency_key_is_used_once'),
        ),
        migrations.AddIndex(
            model_name='notice',
            index=models.Index(condition=models.Q(('recipients__isnull', True)), fields=['id'], name='notice_to_hand_out'),
        ),
        migrations.AddConstraint(
            model_name='notice',
            constraint=models.CheckConstraint(condition=models.Q(('kind__regex', '^[a-z_]+(\\.[a-z_]+)+$')), name='notice_kind_is_dotted_words'),
        ),
        migrations.AddConstraint(
            model_name='notice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('customer__isnull', True), ('kind__startswith', 'webhook.'), ('recipients__isnull', False)), models.Q(('customer__isnull', False), models.Q(('kind__startswith', 'webhook.'), _negated=True)), _connector='OR'), name='notice_is_of_a_customer_or_an_endpoint'),
        ),
        migrations.AddConstraint(
            model_name='notice',
            constraint=models.CheckConstraint(condition=models.Q(('key', ''), _negated=True), name='notice_has_a_key'),
        ),
        migrations.AddConstraint(
            model_name='notice',
            constraint=models.CheckConstraint(condition=models.Q(django.db.models.lookups.Exact(models.Func('facts', function='jsonb_typeof', output_field=models.TextField()), 'object'), django.db.models.lookups.LessThanOrEqual(models.Func(django.db.models.functions.comparison.Cast('facts', models.TextField()), function='octet_length', output_field=models.IntegerField()), 65536)), name='notice_facts_are_few'),
        ),
        migrations.AddConstraint(
            model_name='notice',
            constraint=models.UniqueConstraint(fields=('key',), name='notice_is_made_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='notice',
            trigger=pgtrigger.compiler.Trigger(name='notice_is_only_handed_out', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF OLD.recipients IS NOT NULL AND TG_OP = 'DELETE' THEN\n                RETURN OLD;\n            END IF;\n            IF TG_OP = 'UPDATE' AND OLD.recipients IS NULL\n                AND to_jsonb(NEW) - 'recipients' = to_jsonb(OLD) - 'recipients' THEN\n                RETURN NEW;\n            END IF;\n            RAISE EXCEPTION 'notice_is_only_handed_out: what happened stays as it was told'\n            USING ERRCODE = 'restrict_violation';\n        ", hash='b11e6f972a93e8137e6fb50aa1129f6506ae12df', operation='UPDATE OR DELETE', pgid='pgtrigger_notice_is_only_handed_out_e8b1d', table='customers_notice', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='sellerevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='9834b1872ae6a6750faed2c6b36a7c6510522ce6', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_ebc67', table='customers_sellerevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='testclock',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='clock_has_a_name'),
        ),
        migrations.AddConstraint(
            model_name='testclock',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('set_off_from__isnull', True), ('target__isnull', True)), models.Q(('set_off_from__isnull', False), ('set_off_from__lte', models.F('now')), ('target__gt', models.F('now')), ('target__isnull', False)), _connector='OR'), name='clock_is_advanced_to_a_later_time'),
        ),
        migrations.AddConstraint(
            model_name='testclock',
            constraint=models.CheckConstraint(condition=models.Q(('failure', ''), ('target__isnull', False), _connector='OR'), name='only_an_advancing_clock_fails'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='testclock',
            trigger=pgtrigger.compiler.Trigger(name='clock_goes_forward', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW.now < OLD.now)', func="\n            RAISE EXCEPTION 'clock_goes_forward: a test clock never goes back; make another one'\n            USING ERRCODE = 'restrict_violation';\n        ", hash='a487fe139abf3f36d4f5fa49585271b31fa44747', operation='UPDATE', pgid='pgtrigger_clock_goes_forward_cb733', table='customers_testclock', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='testclock',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "customers_testclockevent" ("created_at", "created_by_id", "failure", "id", "name", "now", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "set_off_from", "target") VALUES (NEW."created_at", NEW."created_by_id", NEW."failure", NEW."id", NEW."name", NEW."now", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."set_off_from", NEW."target"); RETURN NULL;', hash='812c984b96455107f2d828a0078450897f5a322b', operation='INSERT', pgid='pgtrigger_insert_insert_f43bb', table='customers_testclock', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='testclock',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "customers_testclockevent" ("created_at", "created_by_id", "failure", "id", "name", "now", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "set_off_from", "target") VALUES (NEW."created_at", NEW."created_by_id", NEW."failure", NEW."id", NEW."name", NEW."now", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."set_off_from", NEW."target"); RETURN NULL;', hash='c66bc4fe7674cb669d2b180170d74d73b7ea8ca9', operation='UPDATE', pgid='pgtrigger_update_update_60ca3', table='customers_testclock', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='testclock',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "customers_testclockevent" ("created_at", "created_by_id", "failure", "id", "name", "now", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "set_off_from", "target") VALUES (OLD."created_at", OLD."created_by_id", OLD."failure", OLD."id", OLD."name", OLD."now", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."set_off_from", OLD."target"); RETURN NULL;', hash='0608365102ef40b377407f5daf6d5889a38ff589', operation='DELETE', pgid='pgtrigger_delete_delete_d5eb0', table='customers_testclock', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='customerevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='67bbcdaa8b0ad9058ebdd1abf75818e71639ffeb', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_92226', table='customers_customerevent', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='customer',
            index=models.Index(fields=['legal_name'], name='customer_by_name'),
        ),
        migrations.AddIndex(
            model_name='customer',
            index=models.Index(condition=models.Q(('test_clock__isnull', False)), fields=['test_clock'], name='customer_of_a_clock'),
        ),
        migrations.AddConstraint(
            model_name='customer',
            constraint=models.UniqueConstraint(fields=('sandbox', 'external_id'), name='external_id_names_one_customer'),
        ),
        migrations.AddConstraint(
            model_name='customer',
            constraint=models.CheckConstraint(condition=models.Q(('test_clock__isnull', True), ('sandbox', True), _connector='OR'), name='live_customers_live_in_real_time'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='customer',
            trigger=pgtrigger.compiler.Trigger(name='customer_keeps_its_clock', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.test_clock_id IS DISTINCT FROM NEW.test_clock_id OR OLD.sandbox IS DISTINCT FROM NEW.sandbox)', func="\n            RAISE EXCEPTION 'customer_keeps_its_clock: make another customer for another time'\n            USING ERRCODE = 'restrict_violation';\n        ", hash='f28537d9f62c4b5bf2403e4ace3a1f9b8c66f3c4', operation='UPDATE', pgid='pgtrigger_customer_keeps_its_clock_bfeed', table='customers_customer', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='customer',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "customers_customerevent" ("address_line1", "address_line2", "city", "country", "created_at", "currency", "email", "external_id", "id", "legal_name", "locale", "owner_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "postal_code", "purchase_order", "region", "sandbox", "seller_id", "tax_exemption", "tax_number", "test_clock_id", "time_zone") VALUES (NEW."address_line1", NEW."address_line2", NEW."city", NEW."country", NEW."created_at", NEW."currency", NEW."email", NEW."external_id", NEW."id", NEW."legal_name", NEW."locale", NEW."owner_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."postal_code", NEW."purchase_order", NEW."region", NEW."sandbox", NEW."seller_id", NEW."tax_exemption", NEW."tax_number", NEW."test_clock_id", NEW."time_zone"); RETURN NULL;', hash='0e595f857a09c1bdd743713c4f62f05fb660f4a9', operation='INSERT', pgid='pgtrigger_insert_insert_a36e0', table='customers_customer', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='customer',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "customers_customerevent" ("address_line1", "address_line2", "city", "country", "created_at", "currency", "email", "external_id", "id", "legal_name", "locale", "owner_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "postal_code", "purchase_order", "region", "sandbox", "seller_id", "tax_exemption", "tax_number", "test_clock_id", "time_zone") VALUES (NEW."address_line1", NEW."address_line2", NEW."city", NEW."country", NEW."created_at", NEW."currency", NEW."email", NEW."external_id", NEW."id", NEW."legal_name", NEW."locale", NEW."owner_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."postal_code", NEW."purchase_order", NEW."region", NEW."sandbox", NEW."seller_id", NEW."tax_exemption", NEW."tax_number", NEW."test_clock_id", NEW."time_zone"); RETURN NULL;', hash='0b127b0260bcfddd54c3646ccd3c8fc1f265d162', operation='UPDATE', pgid='pgtrigger_update_update_ca86d', table='customers_customer', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='customer',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "customers_customerevent" ("address_line1", "address_line2", "city", "country", "created_at", "currency", "email", "external_id", "id", "legal_name", "locale", "owner_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "postal_code", "purchase_order", "region", "sandbox", "seller_id", "tax_exemption", "tax_number", "test_clock_id", "time_zone") VALUES (OLD."address_line1", OLD."address_line2", OLD."city", OLD."country", OLD."created_at", OLD."currency", OLD."email", OLD."external_id", OLD."id", OLD."legal_name", OLD."locale", OLD."owner_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."postal_code", OLD."purchase_order", OLD."region", OLD."sandbox", OLD."seller_id", OLD."tax_exemption", OLD."tax_number", OLD."test_clock_id", OLD."time_zone"); RETURN NULL;', hash='54f8a38d83030d7a56dc405a529d1f75bacbe6e0', operation='DELETE', pgid='pgtrigger_delete_delete_939ca', table='customers_customer', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='testclockevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='ce944f42a91da5b9d015fe4cf42c1e8ddf183a53', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_c7280', table='customers_testclockevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='webhookendpoint',
            constraint=models.CheckConstraint(condition=models.Q(('url__regex', '^https?://')), name='endpoint_has_an_address'),
        ),
        migrations.AddConstraint(
            model_name='webhookendpoint',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('disabled_at__isnull', True), ('disabled_reason', '')), models.Q(('disabled_at__isnull', False), ('disabled_reason__in', ['by_hand', 'gone', 'failing', 'removed'])), _connector='OR'), name='endpoint_is_disabled_for_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='webhookendpoint',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('previous_secret', ''), ('previous_until__isnull', True)), models.Q(models.Q(('previous_secret', ''), _negated=True), ('previous_until__isnull', False)), _connector='OR'), name='previous_secret_has_an_end'),
        ),
        migrations.AddConstraint(
            model_name='webhookendpoint',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('disabled_reason__in', ['', 'by_hand', 'gone', 'failing']), ('secret__startswith', 'gAAAA')), models.Q(('disabled_reason', 'removed'), ('secret', '')), _connector='OR'), name='endpoint_secret_is_kept_encrypted'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhookendpoint',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "customers_webhookendpointevent" ("created_at", "created_by_id", "description", "disabled_at", "disabled_reason", "id", "kinds", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "previous_until", "sandbox", "url") VALUES (NEW."created_at", NEW."created_by_id", NEW."description", NEW."disabled_at", NEW."disabled_reason", NEW."id", NEW."kinds", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."previous_until", NEW."sandbox", NEW."url"); RETURN NULL;', hash='f8836440da7ad1d8d982de0e9bf27bec24c2d5d1', operation='INSERT', pgid='pgtrigger_insert_insert_0d0be', table='customers_webhookendpoint', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhookendpoint',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."created_by_id" IS DISTINCT FROM (NEW."created_by_id") OR OLD."description" IS DISTINCT FROM (NEW."description") OR OLD."disabled_at" IS DISTINCT FROM (NEW."disabled_at") OR OLD."disabled_reason" IS DISTINCT FROM (NEW."disabled_reason") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."kinds" IS DISTINCT FROM (NEW."kinds") OR OLD."previous_until" IS DISTINCT FROM (NEW."previous_until") OR OLD."sandbox" IS DISTINCT FROM (NEW."sandbox") OR OLD."url" IS DISTINCT FROM (NEW."url"))', func='INSERT INTO "customers_webhookendpointevent" ("created_at", "created_by_id", "description", "disabled_at", "disabled_reason", "id", "kinds", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "previous_until", "sandbox", "url") VALUES (NEW."created_at", NEW."created_by_id", NEW."description", NEW."disabled_at", NEW."disabled_reason", NEW."id", NEW."kinds", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."previous_until", NEW."sandbox", NEW."url"); RETURN NULL;', hash='7db54655f88f7eab1746b90fcee943003c51010a', operation='UPDATE', pgid='pgtrigger_update_update_dba55', table='customers_webhookendpoint', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhookendpoint',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "customers_webhookendpointevent" ("created_at", "created_by_id", "description", "disabled_at", "disabled_reason", "id", "kinds", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "previous_until", "sandbox", "url") VALUES (OLD."created_at", OLD."created_by_id", OLD."description", OLD."disabled_at", OLD."disabled_reason", OLD."id", OLD."kinds", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."previous_until", OLD."sandbox", OLD."url"); RETURN NULL;', hash='34d657095a64b3682dd3a4ce7d9121db1dbc542f', operation='DELETE', pgid='pgtrigger_delete_delete_92195', table='customers_webhookendpoint', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('next_at__isnull', False)), fields=['endpoint', 'next_at'], name='delivery_due'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('state', 'sending')), fields=['endpoint'], name='delivery_being_sent'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['endpoint', 'id'], name='delivery_of_endpoint'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('state__in', ['failed', 'given_up'])), fields=['id'], name='delivery_in_trouble'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.UniqueConstraint(fields=('notice', 'target'), name='notice_is_delivered_once'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('next_at__isnull', True), ('state__in', ['delivered', 'given_up'])), models.Q(('next_at__isnull', False), ('state__in', ['pending', 'sending', 'failed'])), _connector='OR'), name='delivery_goes_on_until_it_ends'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('contact__isnull', True), ('staff__isnull', True), ('target__regex', '^endpoint:[0-9]+$'), ('endpoint__isnull', False)), models.Q(('endpoint__isnull', True), ('staff__isnull', True), ('target__regex', '^contact:[0-9]+$')), models.Q(('contact__isnull', True), ('endpoint__isnull', True), ('target__regex', '^staff:[0-9]+$')), _connector='OR'), name='delivery_has_one_recipient'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhookendpointevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='674af1d50fbfb239beb7d929db53c9da22730540', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_4dd94', table='customers_webhookendpointevent', when='BEFORE')),
        ),
    ]
