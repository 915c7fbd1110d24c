"""
Database triggers that freeze published versions.

The application makes the same checks for good messages; the triggers also cover raw SQL, imports and mistakes. They
raise `restrict_violation` (23001), which Django reports as an IntegrityError.
"""

import pgtrigger

from lib.triggers import CHANGE, WRITE, allow_only, unchanged_but


def frozen_with_its_version(*, version_of_row: str) -> pgtrigger.Trigger:
    """
    Return the trigger that rejects any change of a row whose plan version is no longer a draft, or is tried in the
    sandbox.

    It locks the version in any state, so an edit and a concurrent publication wait for each other.

    version_of_row: an SQL expression for the version's id; `{row}` is replaced by NEW or OLD.
    """
    is_frozen = "v.state <> 'draft' OR v.tried_at IS NOT NULL"
    old, new = (version_of_row.format(row=row) for row in ("OLD", "NEW"))
    # FOR SHARE: many rows of a draft can be edited at once, but none while the version's own row is being published.
    return pgtrigger.Trigger(
        name="published_version_is_frozen",
        when=pgtrigger.Before,
        operation=WRITE,
        declare=[("frozen", "text")],
        # FOR SHARE: the version can't be published while the edit is uncommitted, and the edit waits for a
        # publication.
        func=f"""
            IF TG_OP <> 'INSERT' THEN
                SELECT CASE WHEN {is_frozen} THEN p.code || ' v' || v.number END INTO frozen
                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id
                WHERE v.id = ({old}) FOR SHARE OF v;
            END IF;
            IF frozen IS NULL AND TG_OP <> 'DELETE' THEN
                SELECT CASE WHEN {is_frozen} THEN p.code || ' v' || v.number END INTO frozen
                FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id
                WHERE v.id = ({new}) FOR SHARE OF v;
            END IF;
            IF frozen IS NOT NULL THEN
                RAISE EXCEPTION 'published_version_is_frozen: % can no longer be edited; create a new version', frozen
                USING ERRCODE = 'restrict_violation';
            END IF;
            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
            RETURN NEW;
        """,
    )


def version_changes_only_its_state() -> pgtrigger.Trigger:
    """Return the trigger that lets a frozen version change its life-cycle fields and nothing else."""
    lifecycle = ("state", "effective_from", "effective_to", "published_at", "published_by_id", "tried_at")
    return pgtrigger.Trigger(
        name="published_version_changes_only_its_state",
        when=pgtrigger.Before,
        operation=CHANGE,
        func=f"""
            IF TG_OP = 'DELETE' THEN
                IF OLD.state IN ('draft', 'review') AND OLD.tried_at IS NULL THEN RETURN OLD; END IF;
                RAISE EXCEPTION 'published_version_changes_only_its_state: a published version is never deleted'
                USING ERRCODE = 'restrict_violation';
            END IF;
            IF OLD.tried_at IS NOT NULL AND NEW.tried_at IS DISTINCT FROM OLD.tried_at THEN
                RAISE EXCEPTION 'tried_version_is_frozen: sandbox customers use it; create a new version'
                USING ERRCODE = 'restrict_violation';
            END IF;
            IF OLD.state = 'draft' AND OLD.tried_at IS NULL THEN RETURN NEW; END IF;
            IF OLD.state IN ('draft', 'review') THEN
                IF NOT ({unchanged_but(*lifecycle, "audience")}) THEN
                    RAISE EXCEPTION 'version_in_review_is_frozen: withdraw the request to edit it'
                    USING ERRCODE = 'restrict_violation';
                END IF;
                RETURN NEW;
            END IF;
            IF NOT ({unchanged_but(*lifecycle)})
               OR (OLD.state, NEW.state) NOT IN (
                    ('scheduled', 'scheduled'), ('scheduled', 'draft'), ('scheduled', 'live'),
                    ('live', 'live'), ('live', 'retired'), ('retired', 'retired'))
               OR (OLD.state IN ('live', 'retired') AND NEW.effective_from IS DISTINCT FROM OLD.effective_from)
               OR (OLD.state = 'retired' AND NEW.effective_to IS DISTINCT FROM OLD.effective_to) THEN
                RAISE EXCEPTION 'published_version_changes_only_its_state: create a new version from it'
                USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        """,
    )


def redeemed_coupon_keeps_its_terms() -> pgtrigger.Trigger:
    """Return the trigger that rejects changing the terms of a redeemed coupon, and deleting it."""
    changeable = unchanged_but(
        "name", "redeemed", "most_redemptions", "most_per_customer", "redeem_from", "redeem_until", "archived_at"
    )
    return allow_only(
        "redeemed_coupon_keeps_its_terms",
        f"OLD.redeemed = 0 OR {changeable}",
        remedy="it was redeemed; archive it and create another one",
    )


def redeemed_code_keeps_its_coupon() -> pgtrigger.Trigger:
    """Return the trigger that keeps the terms of a redeemed promotion code, and the code itself."""
    changeable = unchanged_but(
        *("redeemed", "most_redemptions", "most_per_customer", "redeem_from", "redeem_until", "archived_at"),
        *("is_for_customer", "is_for_new_customers"),
    )
    return allow_only(
        "redeemed_code_keeps_its_coupon",
        f"OLD.redeemed = 0 OR {changeable}",
        remedy="it was redeemed; archive it and create another one",
    )


def publication_is_approved() -> pgtrigger.Trigger:
    """
    Return the trigger that rejects publishing a version without another person's approval, if the rule for price
    changes requires it: the second lock behind the act, for any path around it.

    It looks at the end of the transaction, because the approval is stored after its act is carried out.
    """
    return pgtrigger.Trigger(
        name="publication_is_approved",
        when=pgtrigger.After,
        operation=pgtrigger.Insert | pgtrigger.Update,
        timing=pgtrigger.Deferred,
        declare=[("former", "text")],
        func="""
            former := 'draft';
            IF TG_OP = 'UPDATE' THEN former := OLD.state; END IF;
            IF former IN ('draft', 'review') AND NEW.state NOT IN ('draft', 'review')
                AND (SELECT is_required FROM access_approvalrule WHERE kind = 'price_changes')
                AND NOT EXISTS (
                    SELECT FROM access_approvalrequest r JOIN django_content_type t ON t.id = r.subject_type_id
                    WHERE t.app_label = 'plans' AND t.model = 'planversion' AND r.subject_id = NEW.id
                        AND r.act = 'publish_version' AND r.state = 'approved' AND r.decided_at = NEW.published_at)
                THEN
                RAISE EXCEPTION 'publication_is_approved: a second person must approve it first'
                USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NULL;
        """,
    )


def meter_in_use_keeps_its_meaning(*, meter_of_row: str, harmless: tuple[str, ...] = ()) -> pgtrigger.Trigger:
    """
    Return the trigger that rejects a change of a meter's meaning once a published version prices it.

    meter_of_row: an SQL expression for the meter's id; `{row}` is replaced by NEW or OLD.
    harmless: columns that may change, since no figure depends on them.
    """
    return pgtrigger.Trigger(
        name="meter_in_use_keeps_its_meaning",
        when=pgtrigger.Before,
        operation=WRITE,
        declare=[("used", "bigint")],
        # Columns without influence on the quantity stay editable; for every other one a published price decides.
        func=f"""
            IF TG_OP = 'UPDATE' AND {unchanged_but("id", *harmless)} THEN
                RETURN NEW;
            END IF;
            IF TG_OP = 'INSERT' THEN used := ({meter_of_row.format(row="NEW")});
            ELSE used := ({meter_of_row.format(row="OLD")});
            END IF;
            IF EXISTS (
                SELECT 1 FROM plans_planfeature pf
                JOIN plans_feature f ON f.id = pf.feature_id
                JOIN plans_planversion v ON v.id = pf.version_id
                WHERE f.meter_id = used AND (v.state NOT IN ('draft', 'review') OR v.tried_at IS NOT NULL)
            ) THEN
                RAISE EXCEPTION 'meter_in_use_keeps_its_meaning: a published version prices it; create a new meter'
                USING ERRCODE = 'restrict_violation';
            END IF;
            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
            RETURN NEW;
        """,
    )


def catalog_changed() -> pgtrigger.Trigger:
    """Return the trigger that increments the catalog's revision, so that no process meters with a stale copy."""
    return pgtrigger.Trigger(
        name="catalog_revision_increases",
        when=pgtrigger.After,
        level=pgtrigger.Statement,
        operation=WRITE,
        func="UPDATE plans_catalogrevision SET revision = revision + 1; RETURN NULL;",
    )
