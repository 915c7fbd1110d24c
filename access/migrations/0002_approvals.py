import django.db.models.deletion
import lib.field_types
import pgtrigger.compiler
import pgtrigger.migrations
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models


def create_rules(apps, schema_editor):
    """Create a rule for each kind of act. None of them requires approval yet, except for looser rules."""
    kinds = ["credit_notes", "refunds", "write_offs", "grants", "manual_payments", "overrides", "unlocked_months"]
    rules = apps.get_model("access", "ApprovalRule").objects
    for kind in [*kinds, "approval_rules"]:
        rules.create(kind=kind, is_required=kind == "approval_rules")


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0001_initial'),
        ('contenttypes', '0002_remove_content_type_name'),
        ('customers', '0008_remove_portallink_requested_from'),
        ('pghistory', '0007_auto_20250421_0444'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ApprovalLimit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('unit', models.CharField(max_length=7)),
                ('amount', lib.field_types.QuantityField()),
            ],
        ),
        migrations.CreateModel(
            name='ApprovalRuleEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('kind', models.CharField(choices=[('credit_notes', 'credit notes'), ('refunds', 'refunds and payouts'), ('write_offs', 'write-offs'), ('grants', 'grants of credits'), ('manual_payments', 'payments recorded by hand'), ('overrides', 'overrides of prices and terms'), ('unlocked_months', 'unlocked months'), ('approval_rules', 'looser approval rules')], max_length=16)),
                ('is_required', models.BooleanField(default=False)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='CountedAct',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('credit_notes', 'credit notes'), ('refunds', 'refunds and payouts'), ('write_offs', 'write-offs'), ('grants', 'grants of credits'), ('manual_payments', 'payments recorded by hand'), ('overrides', 'overrides of prices and terms'), ('unlocked_months', 'unlocked months'), ('approval_rules', 'looser approval rules')], max_length=16)),
                ('unit', models.CharField(max_length=7)),
                ('amount', lib.field_types.QuantityField()),
                ('at', models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name='ApprovalRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('act', models.CharField(max_length=40)),
                ('kind', models.CharField(choices=[('credit_notes', 'credit notes'), ('refunds', 'refunds and payouts'), ('write_offs', 'write-offs'), ('grants', 'grants of credits'), ('manual_payments', 'payments recorded by hand'), ('overrides', 'overrides of prices and terms'), ('unlocked_months', 'unlocked months'), ('approval_rules', 'looser approval rules')], max_length=16)),
                ('content', models.JSONField()),
                ('digest', models.CharField(max_length=64)),
                ('title', models.CharField(max_length=300)),
                ('facts', models.JSONField(default=list)),
                ('versions', models.JSONField(default=dict)),
                ('amount', lib.field_types.QuantityField(null=True)),
                ('unit', models.CharField(blank=True, max_length=7)),
                ('sandbox', models.BooleanField(default=False)),
                ('subject_id', models.BigIntegerField()),
                ('outcome_id', models.BigIntegerField(null=True)),
                ('reason', models.TextField(blank=True)),
                ('requested_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('waiting', 'awaiting approval'), ('approved', 'approved and carried out'), ('rejected', 'rejected'), ('withdrawn', 'withdrawn'), ('lapsed', 'lapsed: its object changed'), ('expired', 'expired')], default='waiting', max_length=9)),
                ('decided_at', models.DateTimeField(null=True)),
                ('decision', models.TextField(blank=True)),
                ('mailed', models.PositiveSmallIntegerField(default=0)),
                ('next_mail_at', models.DateTimeField(null=True)),
                ('api_key', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.apikey')),
                ('customer', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='approval_requests', to='customers.customer')),
                ('decided_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('outcome_type', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='contenttypes.contenttype')),
                ('requested_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('seller', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.seller')),
                ('subject_type', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='contenttypes.contenttype')),
            ],
            options={
                'ordering': ('-pk',),
                'permissions': [('approve_credit_notes', "Can approve other users' requests: credit notes"), ('approve_refunds', "Can approve other users' requests: refunds and payouts"), ('approve_write_offs', "Can approve other users' requests: write-offs"), ('approve_grants', "Can approve other users' requests: grants of credits"), ('approve_manual_payments', "Can approve other users' requests: payments recorded by hand"), ('approve_overrides', "Can approve other users' requests: overrides of prices and terms"), ('approve_unlocked_months', "Can approve other users' requests: unlocked months"), ('approve_approval_rules', "Can approve other users' requests: looser approval rules")],
            },
        ),
        migrations.CreateModel(
            name='ApprovalRequestEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('act', models.CharField(max_length=40)),
                ('kind', models.CharField(choices=[('credit_notes', 'credit notes'), ('refunds', 'refunds and payouts'), ('write_offs', 'write-offs'), ('grants', 'grants of credits'), ('manual_payments', 'payments recorded by hand'), ('overrides', 'overrides of prices and terms'), ('unlocked_months', 'unlocked months'), ('approval_rules', 'looser approval rules')], max_length=16)),
                ('content', models.JSONField()),
                ('digest', models.CharField(max_length=64)),
                ('title', models.CharField(max_length=300)),
                ('facts', models.JSONField(default=list)),
                ('versions', models.JSONField(default=dict)),
                ('amount', lib.field_types.QuantityField(null=True)),
                ('unit', models.CharField(blank=True, max_length=7)),
                ('sandbox', models.BooleanField(default=False)),
                ('subject_id', models.BigIntegerField()),
                ('outcome_id', models.BigIntegerField(null=True)),
                ('reason', models.TextField(blank=True)),
                ('requested_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('waiting', 'awaiting approval'), ('approved', 'approved and carried out'), ('rejected', 'rejected'), ('withdrawn', 'withdrawn'), ('lapsed', 'lapsed: its object changed'), ('expired', 'expired')], default='waiting', max_length=9)),
                ('decided_at', models.DateTimeField(null=True)),
                ('decision', models.TextField(blank=True)),
                ('api_key', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='customers.apikey')),
                ('customer', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='customers.customer')),
                ('decided_by', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('outcome_type', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='contenttypes.contenttype')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='access.approvalrequest')),
                ('requested_by', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('seller', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='customers.seller')),
                ('subject_type', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='contenttypes.contenttype')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ApprovalRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('credit_notes', 'credit notes'), ('refunds', 'refunds and payouts'), ('write_offs', 'write-offs'), ('grants', 'grants of credits'), ('manual_payments', 'payments recorded by hand'), ('overrides', 'overrides of prices and terms'), ('unlocked_months', 'unlocked months'), ('approval_rules', 'looser approval rules')], max_length=16, unique=True)),
                ('is_required', models.BooleanField(default=False)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['credit_notes', 'refunds', 'write_offs', 'grants', 'manual_payments', 'overrides', 'unlocked_months', 'approval_rules'])), name='approval_rule_kind_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'approval_rules'), _negated=True), ('is_required', True), _connector='OR'), name='looser_rules_always_need_approval')],
            },
        ),
        migrations.CreateModel(
            name='ApprovalLimitEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('unit', models.CharField(max_length=7)),
                ('amount', lib.field_types.QuantityField()),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='access.approvallimit')),
                ('rule', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='access.approvalrule')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='approvallimit',
            name='rule',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='limits', to='access.approvalrule'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='approvalrule',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "access_approvalruleevent" ("id", "is_required", "kind", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."id", NEW."is_required", NEW."kind", _pgh_attach_context(), NOW(), \'insert\', NEW."id"); RETURN NULL;', hash='91a048dc03924c3776c4004dd39d05f769715928', operation='INSERT', pgid='pgtrigger_insert_insert_a6ad4', table='access_approvalrule', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='approvalrule',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "access_approvalruleevent" ("id", "is_required", "kind", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."id", NEW."is_required", NEW."kind", _pgh_attach_context(), NOW(), \'update\', NEW."id"); RETURN NULL;', hash='9a7e46c568ce2b4d7296b0c03ac3b8398d7b9d37', operation='UPDATE', pgid='pgtrigger_update_update_1de37', table='access_approvalrule', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='approvalrule',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "access_approvalruleevent" ("id", "is_required", "kind", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (OLD."id", OLD."is_required", OLD."kind", _pgh_attach_context(), NOW(), \'delete\', OLD."id"); RETURN NULL;', hash='a85a49d8746daa80722bf02d6b034a16877f5974', operation='DELETE', pgid='pgtrigger_delete_delete_b8aca', table='access_approvalrule', when='AFTER')),
        ),
        migrations.AddField(
            model_name='approvalruleevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='approvalruleevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='access.approvalrule'),
        ),
        migrations.AddField(
            model_name='countedact',
            name='api_key',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.apikey'),
        ),
        migrations.AddField(
            model_name='countedact',
            name='customer',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.customer'),
        ),
        migrations.AddField(
            model_name='countedact',
            name='person',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='approvalrequest',
            index=models.Index(condition=models.Q(('next_mail_at__isnull', False)), fields=['next_mail_at'], name='approval_mails_due'),
        ),
        migrations.AddIndex(
            model_name='approvalrequest',
            index=models.Index(condition=models.Q(('state', 'waiting')), fields=['expires_at'], name='approvals_that_wait'),
        ),
        migrations.AddIndex(
            model_name='approvalrequest',
            index=models.Index(fields=['subject_type', 'subject_id'], name='approvals_of_subject'),
        ),
        migrations.AddConstraint(
            model_name='approvalrequest',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['credit_notes', 'refunds', 'write_offs', 'grants', 'manual_payments', 'overrides', 'unlocked_months', 'approval_rules'])), name='approval_kind_is_known'),
        ),
        migrations.AddConstraint(
            model_name='approvalrequest',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'approved', 'rejected', 'withdrawn', 'lapsed', 'expired'])), name='approval_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='approvalrequest',
            constraint=models.CheckConstraint(condition=models.Q(('digest__regex', '^[0-9a-f]{64}$')), name='approval_request_has_a_digest'),
        ),
        migrations.AddConstraint(
            model_name='approvalrequest',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('api_key__isnull', True), ('requested_by__isnull', False)), models.Q(('api_key__isnull', False), ('requested_by__isnull', True)), _connector='OR'), name='approval_is_requested_by_a_person_or_a_key'),
        ),
        migrations.AddConstraint(
            model_name='approvalrequest',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('decided_by__isnull', True), ('state', 'waiting')), models.Q(('decided_at__isnull', False), ('state__in', ['lapsed', 'expired', 'withdrawn'])), models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('state__in', ['approved', 'rejected'])), _connector='OR'), name='approval_says_by_whom'),
        ),
        migrations.AddConstraint(
            model_name='approvalrequest',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'approved'), _negated=True), ('requested_by__isnull', True), models.Q(('decided_by__isnull', False), ('requested_by__isnull', False), models.Q(('decided_by', models.F('requested_by')), _negated=True)), _connector='OR'), name='nobody_approves_their_own_request'),
        ),
        migrations.AddConstraint(
            model_name='approvalrequest',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount__isnull', True), ('unit', '')), models.Q(('amount__isnull', False), models.Q(('unit', ''), _negated=True)), _connector='OR'), name='approval_amount_has_a_unit'),
        ),
        migrations.AddConstraint(
            model_name='approvalrequest',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0), ('amount__lte', Decimal('1E+12'))), name='approval_amount_is_finite'),
        ),
        migrations.AddConstraint(
            model_name='approvalrequest',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('outcome_id__isnull', True), ('outcome_type__isnull', True)), models.Q(('outcome_id__isnull', False), ('outcome_type__isnull', False), ('state', 'approved')), _connector='OR'), name='approved_request_has_an_outcome'),
        ),
        migrations.AddConstraint(
            model_name='approvalrequest',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'waiting')), fields=('digest',), name='same_act_is_requested_once_at_a_time'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='approvalrequest',
            trigger=pgtrigger.compiler.Trigger(name='approval_request_is_decided_once', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF TG_OP = 'INSERT' AND NEW.state = 'waiting' THEN RETURN NEW; END IF;\n            IF TG_OP = 'UPDATE' AND ((to_jsonb(NEW) - ARRAY['mailed', 'next_mail_at'] = to_jsonb(OLD) - ARRAY['mailed', 'next_mail_at']) OR (OLD.state = 'waiting' AND (to_jsonb(NEW) - ARRAY['state', 'decided_by_id', 'decided_at', 'decision', 'outcome_type_id', 'outcome_id', 'mailed', 'next_mail_at'] = to_jsonb(OLD) - ARRAY['state', 'decided_by_id', 'decided_at', 'decision', 'outcome_type_id', 'outcome_id', 'mailed', 'next_mail_at']))) THEN\n                IF NEW.state = 'approved' AND NEW.decided_by_id = (\n                    SELECT created_by_id FROM customers_apikey WHERE id = NEW.api_key_id FOR SHARE) THEN\n                    RAISE EXCEPTION 'nobody_approves_the_request_of_their_key: a second person must approve it'\n                    USING ERRCODE = 'restrict_violation';\n                END IF;\n                RETURN NEW;\n            END IF;\n            RAISE EXCEPTION 'approval_request_is_decided_once: its content is frozen, and a decision is final'\n            USING ERRCODE = 'restrict_violation';\n        ", hash='0977133928f91b60ce703c5c212d6769b60160ab', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_approval_request_is_decided_once_2a39f', table='access_approvalrequest', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='approvalrequest',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "access_approvalrequestevent" ("act", "amount", "api_key_id", "content", "customer_id", "decided_at", "decided_by_id", "decision", "digest", "expires_at", "facts", "id", "kind", "outcome_id", "outcome_type_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "requested_at", "requested_by_id", "sandbox", "seller_id", "state", "subject_id", "subject_type_id", "title", "unit", "versions") VALUES (NEW."act", NEW."amount", NEW."api_key_id", NEW."content", NEW."customer_id", NEW."decided_at", NEW."decided_by_id", NEW."decision", NEW."digest", NEW."expires_at", NEW."facts", NEW."id", NEW."kind", NEW."outcome_id", NEW."outcome_type_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."reason", NEW."requested_at", NEW."requested_by_id", NEW."sandbox", NEW."seller_id", NEW."state", NEW."subject_id", NEW."subject_type_id", NEW."title", NEW."unit", NEW."versions"); RETURN NULL;', hash='a543aff94f60d5272e908aebca7169d59bd12cd5', operation='INSERT', pgid='pgtrigger_insert_insert_939d6', table='access_approvalrequest', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='approvalrequest',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."act" IS DISTINCT FROM (NEW."act") OR OLD."amount" IS DISTINCT FROM (NEW."amount") OR OLD."api_key_id" IS DISTINCT FROM (NEW."api_key_id") OR OLD."content" IS DISTINCT FROM (NEW."content") OR OLD."customer_id" IS DISTINCT FROM (NEW."customer_id") OR OLD."decided_at" IS DISTINCT FROM (NEW."decided_at") OR OLD."decided_by_id" IS DISTINCT FROM (NEW."decided_by_id") OR OLD."decision" IS DISTINCT FROM (NEW."decision") OR OLD."digest" IS DISTINCT FROM (NEW."digest") OR OLD."expires_at" IS DISTINCT FROM (NEW."expires_at") OR OLD."facts" IS DISTINCT FROM (NEW."facts") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."outcome_id" IS DISTINCT FROM (NEW."outcome_id") OR OLD."outcome_type_id" IS DISTINCT FROM (NEW."outcome_type_id") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."requested_at" IS DISTINCT FROM (NEW."requested_at") OR OLD."requested_by_id" IS DISTINCT FROM (NEW."requested_by_id") OR OLD."sandbox" IS DISTINCT FROM (NEW."sandbox") OR OLD."seller_id" IS DISTINCT FROM (NEW."seller_id") OR OLD."state" IS DISTINCT FROM (NEW."state") OR OLD."subject_id" IS DISTINCT FROM (NEW."subject_id") OR OLD."subject_type_id" IS DISTINCT FROM (NEW."subject_type_id") OR OLD."title" IS DISTINCT FROM (NEW."title") OR OLD."unit" IS DISTINCT FROM (NEW."unit") OR OLD."versions" IS DISTINCT FROM (NEW."versions"))', func='INSERT INTO "access_approvalrequestevent" ("act", "amount", "api_key_id", "content", "customer_id", "decided_at", "decided_by_id", "decision", "digest", "expires_at", "facts", "id", "kind", "outcome_id", "outcome_type_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "requested_at", "requested_by_id", "sandbox", "seller_id", "state", "subject_id", "subject_type_id", "title", "unit", "versions") VALUES (NEW."act", NEW."amount", NEW."api_key_id", NEW."content", NEW."customer_id", NEW."decided_at", NEW."decided_by_id", NEW."decision", NEW."digest", NEW."expires_at", NEW."facts", NEW."id", NEW."kind", NEW."outcome_id", NEW."outcome_type_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."reason", NEW."requested_at", NEW."requested_by_id", NEW."sandbox", NEW."seller_id", NEW."state", NEW."subject_id", NEW."subject_type_id", NEW."title", NEW."unit", NEW."versions"); RETURN NULL;', hash='56e0030330d99bfcae4c2d69dae40a72cdb27aa0', operation='UPDATE', pgid='pgtrigger_update_update_60582', table='access_approvalrequest', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='approvalrequest',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "access_approvalrequestevent" ("act", "amount", "api_key_id", "content", "customer_id", "decided_at", "decided_by_id", "decision", "digest", "expires_at", "facts", "id", "kind", "outcome_id", "outcome_type_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "requested_at", "requested_by_id", "sandbox", "seller_id", "state", "subject_id", "subject_type_id", "title", "unit", "versions") VALUES (OLD."act", OLD."amount", OLD."api_key_id", OLD."content", OLD."customer_id", OLD."decided_at", OLD."decided_by_id", OLD."decision", OLD."digest", OLD."expires_at", OLD."facts", OLD."id", OLD."kind", OLD."outcome_id", OLD."outcome_type_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."reason", OLD."requested_at", OLD."requested_by_id", OLD."sandbox", OLD."seller_id", OLD."state", OLD."subject_id", OLD."subject_type_id", OLD."title", OLD."unit", OLD."versions"); RETURN NULL;', hash='de004225d2d0f2c12cb092e6c2c25ef49105b8f0', operation='DELETE', pgid='pgtrigger_delete_delete_37fd8', table='access_approvalrequest', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='approvalrequestevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='c3119b48570db616b830f336391a55b705cd4397', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_d11d3', table='access_approvalrequestevent', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='approvallimitevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='b00c65a053164c2902d027b118c1aa99a103019e', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_e574c', table='access_approvallimitevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='approvallimit',
            constraint=models.UniqueConstraint(fields=('rule', 'unit'), name='approval_rule_has_one_limit_for_a_unit'),
        ),
        migrations.AddConstraint(
            model_name='approvallimit',
            constraint=models.CheckConstraint(condition=models.Q(('unit', ''), _negated=True), name='approval_limit_has_a_unit'),
        ),
        migrations.AddConstraint(
            model_name='approvallimit',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0), ('amount__lte', Decimal('1E+12'))), name='approval_limit_is_finite'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='approvallimit',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "access_approvallimitevent" ("amount", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rule_id", "unit") VALUES (NEW."amount", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."rule_id", NEW."unit"); RETURN NULL;', hash='783aadadc5800868b455712faff0ada2e3f971ae', operation='INSERT', pgid='pgtrigger_insert_insert_335f6', table='access_approvallimit', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='approvallimit',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "access_approvallimitevent" ("amount", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rule_id", "unit") VALUES (NEW."amount", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."rule_id", NEW."unit"); RETURN NULL;', hash='4dcc4124427ccbbebb1a089ef83895c628c36967', operation='UPDATE', pgid='pgtrigger_update_update_f3619', table='access_approvallimit', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='approvallimit',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "access_approvallimitevent" ("amount", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rule_id", "unit") VALUES (OLD."amount", OLD."id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."rule_id", OLD."unit"); RETURN NULL;', hash='a3904feaf6ef32dd87403b08b83ac0a83372e9ff', operation='DELETE', pgid='pgtrigger_delete_delete_e4902', table='access_approvallimit', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='approvalruleevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='a181a106bafced4d0eefe2194de988ce3db57132', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_fc63c', table='access_approvalruleevent', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='countedact',
            index=models.Index(fields=['customer', 'kind', 'unit', 'at'], name='counted_acts_of_customer'),
        ),
        migrations.AddConstraint(
            model_name='countedact',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['credit_notes', 'refunds', 'write_offs', 'grants', 'manual_payments', 'overrides', 'unlocked_months', 'approval_rules'])), name='counted_act_kind_is_known'),
        ),
        migrations.AddConstraint(
            model_name='countedact',
            constraint=models.CheckConstraint(condition=models.Q(('person__isnull', False), ('api_key__isnull', False), _connector='OR'), name='counted_act_has_a_person_or_a_key'),
        ),
        migrations.AddConstraint(
            model_name='countedact',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0), ('amount__lte', Decimal('1E+12'))), name='counted_amount_is_finite'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='countedact',
            trigger=pgtrigger.compiler.Trigger(name='counted_act_is_kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='7d8f2e92d87c91e1cbf69a605229928b1fb8fe43', operation='UPDATE', pgid='pgtrigger_counted_act_is_kept_81cd0', table='access_countedact', when='BEFORE')),
        ),
        migrations.RunPython(create_rules, migrations.RunPython.noop),
    ]
