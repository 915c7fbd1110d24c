"""
Database triggers that freeze what has been published.

The application checks the same for good messages; the triggers hold for raw SQL, imports and mistakes as well. They
raise `restrict_violation` (23001), which Django reports as an IntegrityError.
"""

import pgtrigger


def frozen_with_its_version(*, version_of_row: str) -> pgtrigger.Trigger:
    """
    Return the trigger that refuses any change of a row whose plan version is no longer a draft.

    It locks the version, whatever its state, so that an edit and a publication under way wait for one another.

    version_of_row: an SQL expression that gives the version's id; `{row}` stands for NEW or OLD.
    """
    old, new = (version_of_row.format(row=row) for row in ("OLD", "NEW"))
    return pgtrigger.Trigger(
        name="published_version_is_frozen",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        declare=[("frozen", "text")],
        func=f"""
            IF TG_OP <> 'INSERT' THEN
                SELECT CASE WHEN v.state <> 'draft' THEN p.code || ' v' || v.number END INTO frozen
                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id
                WHERE v.id = ({old}) FOR SHARE OF v;
            END IF;
            IF frozen IS NULL AND TG_OP <> 'DELETE' THEN
                SELECT CASE WHEN v.state <> 'draft' THEN p.code || ' v' || v.number END INTO frozen
                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id
                WHERE v.id = ({new}) FOR SHARE OF v;
            END IF;
            IF frozen IS NOT NULL THEN
                RAISE EXCEPTION 'published_version_is_frozen: % is published; start a new version from it', frozen
                USING ERRCODE = 'restrict_violation';
            END IF;
            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
            RETURN NEW;
        """,
    )


def version_changes_only_its_state() -> pgtrigger.Trigger:
    """Return the trigger that lets a published version move along its life, and change in nothing else."""
    return pgtrigger.Trigger(
        name="published_version_changes_only_its_state",
        when=pgtrigger.Before,
        operation=pgtrigger.Update | pgtrigger.Delete,
        func="""
            IF TG_OP = 'DELETE' THEN
                IF OLD.state IN ('draft', 'review') THEN RETURN OLD; END IF;
                RAISE EXCEPTION 'published_version_changes_only_its_state: a published version is never deleted'
                USING ERRCODE = 'restrict_violation';
            END IF;
            IF OLD.state IN ('draft', 'review') THEN RETURN NEW; END IF;
            IF (to_jsonb(NEW) - ARRAY['state', 'effective_from', 'effective_to', 'published_at', 'published_by_id'])
                IS DISTINCT FROM
               (to_jsonb(OLD) - ARRAY['state', 'effective_from', 'effective_to', 'published_at', 'published_by_id'])
               OR (OLD.state, NEW.state) NOT IN (
                    ('scheduled', 'scheduled'), ('scheduled', 'draft'), ('scheduled', 'live'),
                    ('live', 'live'), ('live', 'retired'), ('retired', 'retired'))
               OR (OLD.state IN ('live', 'retired') AND NEW.effective_from IS DISTINCT FROM OLD.effective_from)
               OR (OLD.state = 'retired' AND NEW.effective_to IS DISTINCT FROM OLD.effective_to) THEN
                RAISE EXCEPTION 'published_version_changes_only_its_state: start a new version from it instead'
                USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        """,
    )


def redeemed_coupon_keeps_its_terms() -> pgtrigger.Trigger:
    """Return the trigger that refuses to change what a coupon takes off once somebody holds it, and to remove it."""
    free = "ARRAY['name', 'redeemed', 'most_redemptions', 'most_per_customer', 'redeem_from', 'redeem_until',"
    free += " 'archived_at']"
    return pgtrigger.Trigger(
        name="redeemed_coupon_keeps_its_terms",
        when=pgtrigger.Before,
        operation=pgtrigger.Update | pgtrigger.Delete,
        func=f"""
            IF OLD.redeemed > 0
               AND (TG_OP = 'DELETE' OR (to_jsonb(NEW) - {free}) IS DISTINCT FROM (to_jsonb(OLD) - {free})) THEN
                RAISE EXCEPTION 'redeemed_coupon_keeps_its_terms: somebody holds %; archive it and make another one',
                    OLD.code USING ERRCODE = 'restrict_violation';
            END IF;
            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
            RETURN NEW;
        """,
    )


def meter_in_use_keeps_its_meaning(*, meter_of_row: str, harmless: tuple[str, ...] = ()) -> pgtrigger.Trigger:
    """
    Return the trigger that refuses to change what a meter counts once a published version prices it.

    meter_of_row: an SQL expression that gives the meter's id; `{row}` stands for NEW or OLD.
    harmless: columns that may change all the same, since no figure depends on them.
    """
    ignored = ", ".join(f"'{column}'" for column in ("id", *harmless))
    return pgtrigger.Trigger(
        name="meter_in_use_keeps_its_meaning",
        when=pgtrigger.Before,
        operation=pgtrigger.Update | pgtrigger.Delete | pgtrigger.Insert,
        declare=[("used", "bigint")],
        func=f"""
            IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY[{ignored}]) = (to_jsonb(OLD) - ARRAY[{ignored}]) THEN
                RETURN NEW;
            END IF;
            IF TG_OP = 'INSERT' THEN used := ({meter_of_row.format(row="NEW")});
            ELSE used := ({meter_of_row.format(row="OLD")});
            END IF;
            IF EXISTS (
                SELECT 1 FROM plans_planfeature pf
                JOIN plans_feature f ON f.id = pf.feature_id
                JOIN plans_planversion v ON v.id = pf.version_id
                WHERE f.meter_id = used AND v.state NOT IN ('draft', 'review')
            ) THEN
                RAISE EXCEPTION 'meter_in_use_keeps_its_meaning: a published version prices it; create a new meter'
                USING ERRCODE = 'restrict_violation';
            END IF;
            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
            RETURN NEW;
        """,
    )


def catalogue_changed() -> pgtrigger.Trigger:
    """Return the trigger that moves the catalogue's revision on, so that no process meters by an old copy of it."""
    return pgtrigger.Trigger(
        name="catalogue_moves_on",
        when=pgtrigger.After,
        level=pgtrigger.Statement,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        func="UPDATE plans_catalogue SET revision = revision + 1; RETURN NULL;",
    )
