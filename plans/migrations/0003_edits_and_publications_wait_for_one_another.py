import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('plans', '0002_publishing_is_a_right_of_its_own'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='fee',
            name='published_version_is_frozen',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='planfeature',
            name='published_version_is_frozen',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='price',
            name='published_version_is_frozen',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='rate',
            name='published_version_is_frozen',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='tier',
            name='published_version_is_frozen',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fee',
            trigger=pgtrigger.compiler.Trigger(name='published_version_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE frozen text;', func="\n            IF TG_OP <> 'INSERT' THEN\n                SELECT CASE WHEN v.state <> 'draft' THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (OLD.version_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NULL AND TG_OP <> 'DELETE' THEN\n                SELECT CASE WHEN v.state <> 'draft' THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (NEW.version_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NOT NULL THEN\n                RAISE EXCEPTION 'published_version_is_frozen: % is published; start a new version from it', frozen\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='6f6c9442ba5b666dfe0dc7e6e8a6acec8b71f6c8', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_published_version_is_frozen_4567c', table='plans_fee', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planfeature',
            trigger=pgtrigger.compiler.Trigger(name='published_version_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE frozen text;', func="\n            IF TG_OP <> 'INSERT' THEN\n                SELECT CASE WHEN v.state <> 'draft' THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (OLD.version_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NULL AND TG_OP <> 'DELETE' THEN\n                SELECT CASE WHEN v.state <> 'draft' THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (NEW.version_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NOT NULL THEN\n                RAISE EXCEPTION 'published_version_is_frozen: % is published; start a new version from it', frozen\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='96df33eaddb6eea1eb03a815dc70fe2950b4c195', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_published_version_is_frozen_97e8f', table='plans_planfeature', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='price',
            trigger=pgtrigger.compiler.Trigger(name='published_version_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE frozen text;', func="\n            IF TG_OP <> 'INSERT' THEN\n                SELECT CASE WHEN v.state <> 'draft' THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (SELECT version_id FROM plans_planfeature WHERE id = OLD.plan_feature_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NULL AND TG_OP <> 'DELETE' THEN\n                SELECT CASE WHEN v.state <> 'draft' THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (SELECT version_id FROM plans_planfeature WHERE id = NEW.plan_feature_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NOT NULL THEN\n                RAISE EXCEPTION 'published_version_is_frozen: % is published; start a new version from it', frozen\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='ddaef98f0ca18adfdf3a70cb6cbf11a678185eec', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_published_version_is_frozen_51ec6', table='plans_price', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rate',
            trigger=pgtrigger.compiler.Trigger(name='published_version_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE frozen text;', func="\n            IF TG_OP <> 'INSERT' THEN\n                SELECT CASE WHEN v.state <> 'draft' THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (SELECT pf.version_id FROM plans_price p JOIN plans_planfeature pf ON pf.id = p.plan_feature_id WHERE p.id = OLD.price_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NULL AND TG_OP <> 'DELETE' THEN\n                SELECT CASE WHEN v.state <> 'draft' THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (SELECT pf.version_id FROM plans_price p JOIN plans_planfeature pf ON pf.id = p.plan_feature_id WHERE p.id = NEW.price_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NOT NULL THEN\n                RAISE EXCEPTION 'published_version_is_frozen: % is published; start a new version from it', frozen\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='a67fd0119125a2d4f87ea1956bc4a4595218fcdf', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_published_version_is_frozen_c5165', table='plans_rate', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tier',
            trigger=pgtrigger.compiler.Trigger(name='published_version_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE frozen text;', func="\n            IF TG_OP <> 'INSERT' THEN\n                SELECT CASE WHEN v.state <> 'draft' THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (SELECT pf.version_id FROM plans_rate r JOIN plans_price p ON p.id = r.price_id JOIN plans_planfeature pf ON pf.id = p.plan_feature_id WHERE r.id = OLD.rate_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NULL AND TG_OP <> 'DELETE' THEN\n                SELECT CASE WHEN v.state <> 'draft' THEN p.code || ' v' || v.number END INTO frozen\n                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id\n                WHERE v.id = (SELECT pf.version_id FROM plans_rate r JOIN plans_price p ON p.id = r.price_id JOIN plans_planfeature pf ON pf.id = p.plan_feature_id WHERE r.id = NEW.rate_id) FOR SHARE OF v;\n            END IF;\n            IF frozen IS NOT NULL THEN\n                RAISE EXCEPTION 'published_version_is_frozen: % is published; start a new version from it', frozen\n                USING ERRCODE = 'restrict_violation';\n            END IF;\n            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n            RETURN NEW;\n        ", hash='a0ed371e78275c1878dfb7fb93aac2ba08c74b0a', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_published_version_is_frozen_27a6d', table='plans_tier', when='BEFORE')),
        ),
    ]
