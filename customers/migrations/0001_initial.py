import customers.models.parties
import datetime
import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
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
                ('bank_details', models.TextField(blank=True)),
                ('footer', models.TextField(blank=True)),
                ('brand_color', models.CharField(default='#1f3a5f', max_length=7)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('grace__gte', datetime.timedelta(0)), ('grace__lte', datetime.timedelta(days=60))), name='grace_is_0_to_60_days'), models.CheckConstraint(condition=models.Q(('net_days__lte', 365)), name='net_days_are_365_at_most'), models.CheckConstraint(condition=models.Q(('zero_invoices__in', ['issue', 'skip'])), name='zero_invoice_policy_is_known'), models.CheckConstraint(condition=models.Q(('late_usage__in', ['next_invoice', 'reissue', 'report_only'])), name='late_usage_policy_is_known')],
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
                ('seller', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='customers', to='customers.seller')),
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
                ('bank_details', models.TextField(blank=True)),
                ('footer', models.TextField(blank=True)),
                ('brand_color', models.CharField(default='#1f3a5f', max_length=7)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='customers.seller')),
            ],
            options={
                'abstract': False,
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
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='customers.customer')),
                ('seller', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='customers.seller')),
            ],
            options={
                'abstract': False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='seller',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "customers_sellerevent" ("address_line1", "address_line2", "bank_details", "brand_color", "city", "code", "country", "currency", "email", "footer", "grace", "id", "late_usage", "legal_name", "locale", "net_days", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "postal_code", "region", "tax_number", "time_zone", "zero_invoices") VALUES (NEW."address_line1", NEW."address_line2", NEW."bank_details", NEW."brand_color", NEW."city", NEW."code", NEW."country", NEW."currency", NEW."email", NEW."footer", NEW."grace", NEW."id", NEW."late_usage", NEW."legal_name", NEW."locale", NEW."net_days", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."postal_code", NEW."region", NEW."tax_number", NEW."time_zone", NEW."zero_invoices"); RETURN NULL;', hash='b97164fa24cbe50c02f52acd6138764dbb6d9813', operation='INSERT', pgid='pgtrigger_insert_insert_8ab7f', table='customers_seller', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='seller',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "customers_sellerevent" ("address_line1", "address_line2", "bank_details", "brand_color", "city", "code", "country", "currency", "email", "footer", "grace", "id", "late_usage", "legal_name", "locale", "net_days", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "postal_code", "region", "tax_number", "time_zone", "zero_invoices") VALUES (NEW."address_line1", NEW."address_line2", NEW."bank_details", NEW."brand_color", NEW."city", NEW."code", NEW."country", NEW."currency", NEW."email", NEW."footer", NEW."grace", NEW."id", NEW."late_usage", NEW."legal_name", NEW."locale", NEW."net_days", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."postal_code", NEW."region", NEW."tax_number", NEW."time_zone", NEW."zero_invoices"); RETURN NULL;', hash='1c97011d7aa1546e3f14967e5cb372dc4950a5da', operation='UPDATE', pgid='pgtrigger_update_update_d5ccf', table='customers_seller', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='seller',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "customers_sellerevent" ("address_line1", "address_line2", "bank_details", "brand_color", "city", "code", "country", "currency", "email", "footer", "grace", "id", "late_usage", "legal_name", "locale", "net_days", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "postal_code", "region", "tax_number", "time_zone", "zero_invoices") VALUES (OLD."address_line1", OLD."address_line2", OLD."bank_details", OLD."brand_color", OLD."city", OLD."code", OLD."country", OLD."currency", OLD."email", OLD."footer", OLD."grace", OLD."id", OLD."late_usage", OLD."legal_name", OLD."locale", OLD."net_days", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."postal_code", OLD."region", OLD."tax_number", OLD."time_zone", OLD."zero_invoices"); RETURN NULL;', hash='962f5a621b54bca2f3afc979fbd9ec4a61e15b42', operation='DELETE', pgid='pgtrigger_delete_delete_65849', table='customers_seller', when='AFTER')),
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
        migrations.AddIndex(
            model_name='idempotentrequest',
            index=models.Index(fields=['created_at'], name='idempotent_request_by_age'),
        ),
        migrations.AddConstraint(
            model_name='idempotentrequest',
            constraint=models.UniqueConstraint(fields=('api_key', 'key'), name='idempotency_key_is_used_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='customerevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='67bbcdaa8b0ad9058ebdd1abf75818e71639ffeb', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_92226', table='customers_customerevent', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='customer',
            index=models.Index(fields=['legal_name'], name='customer_by_name'),
        ),
        migrations.AddConstraint(
            model_name='customer',
            constraint=models.UniqueConstraint(fields=('sandbox', 'external_id'), name='external_id_names_one_customer'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='customer',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "customers_customerevent" ("address_line1", "address_line2", "city", "country", "created_at", "currency", "email", "external_id", "id", "legal_name", "locale", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "postal_code", "purchase_order", "region", "sandbox", "seller_id", "tax_exemption", "tax_number", "time_zone") VALUES (NEW."address_line1", NEW."address_line2", NEW."city", NEW."country", NEW."created_at", NEW."currency", NEW."email", NEW."external_id", NEW."id", NEW."legal_name", NEW."locale", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."postal_code", NEW."purchase_order", NEW."region", NEW."sandbox", NEW."seller_id", NEW."tax_exemption", NEW."tax_number", NEW."time_zone"); RETURN NULL;', hash='69fad59dfbdb1588bd75f5d2dcd90e6e5309fb5e', operation='INSERT', pgid='pgtrigger_insert_insert_a36e0', table='customers_customer', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='customer',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "customers_customerevent" ("address_line1", "address_line2", "city", "country", "created_at", "currency", "email", "external_id", "id", "legal_name", "locale", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "postal_code", "purchase_order", "region", "sandbox", "seller_id", "tax_exemption", "tax_number", "time_zone") VALUES (NEW."address_line1", NEW."address_line2", NEW."city", NEW."country", NEW."created_at", NEW."currency", NEW."email", NEW."external_id", NEW."id", NEW."legal_name", NEW."locale", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."postal_code", NEW."purchase_order", NEW."region", NEW."sandbox", NEW."seller_id", NEW."tax_exemption", NEW."tax_number", NEW."time_zone"); RETURN NULL;', hash='4446742353a988e362e36bc6c35dcb19b9d6c9fc', operation='UPDATE', pgid='pgtrigger_update_update_ca86d', table='customers_customer', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='customer',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "customers_customerevent" ("address_line1", "address_line2", "city", "country", "created_at", "currency", "email", "external_id", "id", "legal_name", "locale", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "postal_code", "purchase_order", "region", "sandbox", "seller_id", "tax_exemption", "tax_number", "time_zone") VALUES (OLD."address_line1", OLD."address_line2", OLD."city", OLD."country", OLD."created_at", OLD."currency", OLD."email", OLD."external_id", OLD."id", OLD."legal_name", OLD."locale", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."postal_code", OLD."purchase_order", OLD."region", OLD."sandbox", OLD."seller_id", OLD."tax_exemption", OLD."tax_number", OLD."time_zone"); RETURN NULL;', hash='cd08b9c8bbabb000d6fd2bb6c6e51ea29602405a', operation='DELETE', pgid='pgtrigger_delete_delete_939ca', table='customers_customer', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='sellerevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='9834b1872ae6a6750faed2c6b36a7c6510522ce6', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_ebc67', table='customers_sellerevent', when='BEFORE')),
        ),
    ]
