"""Database triggers that protect append-only and billed rows."""

import pgtrigger

from lib.triggers import WRITE, allow_only, unchanged_but

COST_LOCK_ID = 7_265_774
"""Advisory lock that usage charged at its unit cost shares, and that a change of unit costs holds exclusively."""

IGNORE_LOCK_ID = 7_265_775
"""Advisory lock that writers of unmatched usage share, and that a change of ignore rules holds exclusively."""


def protect_billed_periods() -> pgtrigger.Trigger:
    """Return the trigger that protects an override or commitment as long as closed periods have started under it."""
    return pgtrigger.Trigger(
        name="own_terms_leave_billed_periods_alone",
        when=pgtrigger.Before,
        operation=WRITE,
        declare=[("since", "timestamptz")],
        func="""
            IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE'
                AND (to_jsonb(NEW) - 'ends_at') <> (to_jsonb(OLD) - 'ends_at')) THEN
                RAISE EXCEPTION 'own_terms_leave_billed_periods_alone: end it and create another'
                USING ERRCODE = 'restrict_violation';
            END IF;
            IF TG_OP = 'INSERT' THEN since := NEW.starts_at;
            ELSE since := least(coalesce(OLD.ends_at, 'infinity'), coalesce(NEW.ends_at, 'infinity'));
            END IF;
            IF EXISTS (
                SELECT FROM billing_period p WHERE p.subscription_id = NEW.subscription_id
                AND p.kind = 'regular' AND p.state = 'closed' AND p.starts_at >= since
            ) THEN
                RAISE EXCEPTION 'own_terms_leave_billed_periods_alone: periods after % are already billed', since
                USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        """,
    )


def protect_redemptions() -> pgtrigger.Trigger:
    """Return the trigger that lets a redemption end once, and refuses any other change."""
    return allow_only(
        "redemption_only_ends",
        f"OLD.ended_at IS NULL AND {unchanged_but('ended_at', 'ended_reason')}",
        remedy="remove the coupon and apply it again",
    )


def protect_alerts() -> pgtrigger.Trigger:
    """Return the trigger that lets an alert recover once and be acknowledged, and refuses any other change."""
    return allow_only(
        "alert_stays_as_fired",
        "(OLD.recovered_at IS NULL OR NEW.recovered_at = OLD.recovered_at)"
        f" AND {unchanged_but('recovered_at', 'acknowledged_at', 'acknowledged_by_id')}",
        remedy="an alert only recovers, once, and is acknowledged",
    )


def resolve_unmatched_usage_once() -> pgtrigger.Trigger:
    """Return the trigger that lets unmatched usage be resolved once, and refuses any other change."""
    resolution = unchanged_but(
        "resolved_at", "resolved_sequence", "reason", "detail", "customer_id", "ignore_rule_id"
    )
    return allow_only(
        "unmatched_usage_is_resolved_once",
        f"OLD.resolved_at IS NULL AND {resolution}",
        remedy="unmatched usage is only resolved, once",
    )


def undo_dismissal_once() -> pgtrigger.Trigger:
    """Return the trigger that lets a dismissal be undone once, and refuses any other change."""
    return allow_only(
        "dismissal_is_only_undone",
        f"OLD.undone_at IS NULL AND {unchanged_but('undone_at', 'undone_by_id', 'undone_api_key_id')}",
        remedy="undo it and dismiss the report again",
    )


def remove_ignore_rule_once() -> pgtrigger.Trigger:
    """Return the trigger that lets an ignore rule be removed once, and refuses any other change."""
    return allow_only(
        "ignore_rule_is_only_removed",
        f"OLD.removed_at IS NULL AND {unchanged_but('removed_at', 'removed_by_id')}",
        remedy="remove it and add another",
    )


def protect_counted_costs() -> pgtrigger.Trigger:
    """
    Return the trigger that refuses a change of unit costs for hours in which usage was counted at them.

    So the cost that an event carries is the same whenever it is computed again. A new cost may start once that usage
    ends, or fill a time without a cost; usage with a more specific cost doesn't matter.
    """
    return pgtrigger.Trigger(
        name="counted_usage_keeps_its_cost",
        when=pgtrigger.Before,
        operation=WRITE,
        declare=[
            ("cost", "plans_unitcost%ROWTYPE"),
            ("since", "timestamptz"),
            ("until", "timestamptz"),
            ("counted", "timestamptz"),
        ],
        # The advisory lock keeps ingest from counting costed usage until this change commits: ingest shares it, see
        # billing/metering/store/counter_store.py. The query reads hourly rollups of periods whose rates charge these
        # unit costs.
        func=f"""
            PERFORM pg_advisory_xact_lock({COST_LOCK_ID});
            IF TG_OP = 'DELETE' THEN cost := OLD; ELSE cost := NEW; END IF;
            since := cost.valid_from;
            until := coalesce(cost.valid_to, 'infinity');
            IF TG_OP = 'UPDATE' THEN
                IF (OLD.meter_id, OLD.match, OLD.currency, OLD.valid_from)
                    IS DISTINCT FROM (NEW.meter_id, NEW.match, NEW.currency, NEW.valid_from) THEN
                    RAISE EXCEPTION 'counted_usage_keeps_its_cost: its usage and start are final; record another cost'
                    USING ERRCODE = 'restrict_violation';
                END IF;
                IF OLD.cost = NEW.cost THEN since := LEAST(until, coalesce(OLD.valid_to, 'infinity')); END IF;
                until := GREATEST(until, coalesce(OLD.valid_to, 'infinity'));
            END IF;
            SELECT max(h.bucket) INTO counted
            FROM plans_rate r
            JOIN plans_price pr ON pr.id = r.price_id AND pr.currency = cost.currency
            JOIN plans_planfeature pf ON pf.id = pr.plan_feature_id
            JOIN plans_feature f ON f.id = pf.feature_id AND f.meter_id = cost.meter_id
            JOIN billing_period p ON p.version_id = pf.version_id AND p.starts_at < until AND p.ends_at > since
            JOIN billing_subscription s ON s.id = p.subscription_id AND s.currency = cost.currency
            JOIN billing_series u ON u.period_id = p.id AND u.meter_id = cost.meter_id AND u.dimensions @> cost.match
            JOIN billing_hourlyusage h ON h.series_id = u.id AND h.bucket < until
                AND h.bucket + interval '1 hour' > since
            WHERE r.model = 'dynamic' AND r.cost_source = 'unit_cost' AND NOT EXISTS (
                SELECT FROM plans_unitcost o
                WHERE o.meter_id = cost.meter_id AND o.currency = cost.currency AND u.dimensions @> o.match
                    AND (SELECT count(*) FROM jsonb_object_keys(o.match))
                        > (SELECT count(*) FROM jsonb_object_keys(cost.match))
                    AND o.valid_from <= h.bucket AND coalesce(o.valid_to, 'infinity') >= h.bucket + interval '1 hour'
            );
            IF counted IS NOT NULL THEN
                RAISE EXCEPTION 'counted_usage_keeps_its_cost: usage up to % was charged at the present costs;'
                    ' start the change then or later',
                    to_char((counted + interval '1 hour') AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI UTC')
                USING ERRCODE = 'restrict_violation';
            END IF;
            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
            RETURN NEW;
        """,
    )


def decide_changes_once() -> pgtrigger.Trigger:
    """
    Return the trigger that lets a scheduled change be decided once, and refuses any other change.

    A pending change that would split a period may be postponed, with the reason.
    """
    return allow_only(
        "scheduled_change_is_decided_once",
        f"""
            OLD.state = 'pending' AND (
                (NEW.state <> 'refused' AND {unchanged_but("state", "problem", "decided_at")})
                OR (NEW.state = 'pending' AND OLD.splits_period AND NEW.moment > OLD.moment AND NEW.problem <> ''
                    AND {unchanged_but("moment", "splits_period", "problem")}))
        """,
        remedy="a scheduled change is only completed or revoked; schedule another one",
    )


def process_items_once() -> pgtrigger.Trigger:
    """Return the trigger that protects the outcome of a job's item, except in a dry run; no item is ever deleted."""
    return allow_only(
        "job_item_is_done_once",
        """
            (OLD.job_id, OLD.number) = (NEW.job_id, NEW.number) AND (
                OLD.state <> 'done'
                OR (OLD.state, OLD.figures, OLD.finished_at) = (NEW.state, NEW.figures, NEW.finished_at)
                OR (SELECT dry_run FROM billing_job WHERE id = OLD.job_id))
        """,
        remedy="a completed item is never changed; start another job",
    )


def restrict_drafts_to_sandbox() -> pgtrigger.Trigger:
    """Return the trigger that allows unpublished versions, once they are frozen, to sandbox customers only."""
    return allow_only(
        "sandbox_alone_tries_drafts",
        """
            NOT EXISTS (
                SELECT FROM plans_planversion v WHERE v.id = NEW.version_id AND v.state IN ('draft', 'review')
                    AND NOT (NEW.sandbox AND v.tried_at IS NOT NULL))
        """,
        operation=pgtrigger.Insert | pgtrigger.UpdateOf("version_id", "state"),
        condition=pgtrigger.Condition("NEW.state <> 'draft'"),
        remedy="publish the version first",
    )


def keep_seller_of_periods() -> pgtrigger.Trigger:
    """Return the trigger that keeps a subscription's seller once it has periods, which that seller invoices."""
    return allow_only(
        "subscription_with_periods_keeps_its_seller",
        "NOT EXISTS (SELECT FROM billing_period WHERE subscription_id = NEW.id)",
        operation=pgtrigger.UpdateOf("seller_id"),
        condition=pgtrigger.Condition("OLD.seller_id <> NEW.seller_id"),
        remedy="cancel it and subscribe the customer at the other seller",
    )


def keep_upcoming_versions_published() -> pgtrigger.Trigger:
    """Return the trigger that keeps a version published while a subscription is scheduled for it."""
    return allow_only(
        "version_to_come_stays_published",
        "NOT EXISTS (SELECT FROM billing_scheduledchange WHERE state = 'pending' AND version_id = NEW.id)",
        operation=pgtrigger.UpdateOf("state"),
        condition=pgtrigger.Q(new__state__in=["draft", "review"]),
        remedy="revoke the changes scheduled to it first",
    )


def keep_closed_quantities() -> pgtrigger.Trigger:
    """Return the trigger that refuses a change of quantity at a time that is billed already."""
    return allow_only(
        "a_closed_period_keeps_its_quantities",
        """
            NOT EXISTS (
                SELECT FROM billing_period WHERE subscription_id = NEW.subscription_id
                    AND state = 'closed' AND kind = 'regular' AND ends_at > NEW.since)
        """,
        operation=pgtrigger.Insert,
        remedy="choose a time in an open period",
    )


def mapping_of_a_locked_month_has_a_reason() -> pgtrigger.Trigger:
    """
    Return the trigger that accepts a mapping for a locked month only with a reason of its own, of its seller's
    account, and never deletes one.
    """
    return pgtrigger.Trigger(
        name="mapping_of_a_locked_month_has_a_reason",
        when=pgtrigger.Before,
        operation=WRITE,
        declare=[("first_month", "date"), ("owner", "integer")],
        func="""
            IF TG_OP <> 'DELETE' AND NOT EXISTS (
                SELECT FROM billing_account a WHERE a.id = NEW.account_id AND a.seller_id = NEW.seller_id
                AND a.target IN ('', NEW.target)
            ) THEN
                RAISE EXCEPTION 'mapping_uses_an_account_of_its_target: choose an account of the seller and target'
                USING ERRCODE = 'restrict_violation';
            END IF;
            IF TG_OP = 'DELETE' THEN first_month := OLD.from_month; owner := OLD.seller_id;
            ELSIF TG_OP = 'UPDATE' THEN
                first_month := least(OLD.from_month, NEW.from_month); owner := OLD.seller_id;
            ELSE first_month := NEW.from_month; owner := NEW.seller_id;
            END IF;
            IF EXISTS (
                SELECT FROM invoices_monthlock l
                WHERE l.seller_id = owner AND l.unlocked_at IS NULL AND l.month >= first_month
            ) AND (TG_OP = 'DELETE' OR NEW.reason = '' OR (TG_OP = 'UPDATE' AND NEW.reason = OLD.reason)) THEN
                RAISE EXCEPTION 'mapping_of_a_locked_month_has_a_reason: let it begin after the last locked month'
                USING ERRCODE = 'restrict_violation';
            END IF;
            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
            RETURN NEW;
        """,
    )


def account_of_a_locked_month_is_unchanged() -> pgtrigger.Trigger:
    """Return the trigger that keeps the accounts that mappings of locked months use."""
    return allow_only(
        "account_of_a_locked_month_is_unchanged",
        """
            NOT EXISTS (
                SELECT FROM billing_accountmapping m JOIN invoices_monthlock l
                    ON l.seller_id = m.seller_id AND l.unlocked_at IS NULL AND l.month >= m.from_month
                WHERE m.account_id = OLD.id)
            AND (TG_OP = 'DELETE' OR NEW.seller_id = OLD.seller_id AND NEW.target = OLD.target)
        """,
        remedy="add another account, and map it from the next open month on",
    )


def batch_is_only_imported() -> pgtrigger.Trigger:
    """
    Return the trigger that accepts a batch of a frozen month in force, continuing the batch before it, and then no
    change but its mark as imported.
    """
    is_sound = """
        (NEW.state = 'provisional' OR NEW.state = 'final' AND EXISTS (
            SELECT FROM invoices_monthlock l WHERE l.id = NEW.lock_id AND l.seller_id = NEW.seller_id
            AND l.month = NEW.month AND l.frozen_at IS NOT NULL AND l.unlocked_at IS NULL))
        AND (NEW.predecessor_id IS NULL OR EXISTS (
            SELECT FROM billing_exportbatch p WHERE p.id = NEW.predecessor_id AND p.state <> 'provisional'
            AND (p.seller_id, p.month, p.target, p.currency)
                = (NEW.seller_id, NEW.month, NEW.target, NEW.currency)))
    """
    return allow_only(
        "batch_is_only_imported",
        f"""
            CASE TG_OP WHEN 'INSERT' THEN {is_sound}
            WHEN 'UPDATE' THEN OLD.state = 'final' AND NEW.state = 'imported'
                AND {unchanged_but("state", "imported_by_id", "imported_at")}
            ELSE false END
        """,
        operation=WRITE,
        remedy="make another one; a batch of a locked month is only marked as imported",
    )


def drop_target_keeps_its_place() -> pgtrigger.Trigger:
    """Return the trigger that lets a target of the data drop change its access and format, but not its place."""
    return allow_only(
        "drop_target_keeps_its_place",
        unchanged_but("format", "access_key", "secret", "hour", "is_enabled"),
        remedy="disable this target and add another one",
        operation=pgtrigger.Update,
    )


def drop_part_is_only_replaced() -> pgtrigger.Trigger:
    """
    Return the trigger that lets a part of a data drop only become final or replaced, once each; a replaced one may be
    deleted with its file.
    """
    return allow_only(
        "drop_part_is_only_replaced",
        f"""
            OLD.replaced_at IS NULL AND NEW.is_final >= OLD.is_final AND {unchanged_but("is_final", "replaced_at")}
            OR TG_OP = 'DELETE' AND OLD.replaced_at IS NOT NULL
        """,
        remedy="write another part, which replaces it",
    )


def remove_billed_events_only() -> pgtrigger.Trigger:
    """
    Return the trigger that refuses to remove events of a period that is open, or has late usage to bill.

    The removals of a customer follow one another in time.
    """
    return allow_only(
        "events_are_removed_after_they_are_billed",
        """
            NOT EXISTS (
                SELECT FROM billing_period p JOIN billing_subscription s ON s.id = p.subscription_id
                WHERE s.customer_id = NEW.customer_id AND p.starts_at < NEW.until AND p.kind <> 'undone'
                    AND (p.state = 'open' OR p.late_since IS NOT NULL)
            )
            AND NOT EXISTS (
                SELECT FROM billing_eventremoval r
                WHERE r.customer_id IS NOT DISTINCT FROM NEW.customer_id AND r.until >= NEW.until
            )
        """,
        operation=pgtrigger.Insert,
        remedy="close the periods before this time and bill their late usage first",
    )


def count_removed_events() -> pgtrigger.Trigger:
    """Return the trigger that lets a removal of events only count them, until it is finished."""
    return allow_only(
        "event_removal_only_progresses",
        f"""
            TG_OP = 'UPDATE' AND OLD.finished_at IS NULL AND NEW.events >= OLD.events
            AND {unchanged_but("events", "finished_at")}
        """,
        remedy="a removal is never changed; events that left do not return",
    )
