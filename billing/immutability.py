"""Database triggers for what is only ever added to."""

import pgtrigger


def append_only() -> pgtrigger.Trigger:
    """Return the trigger that refuses to change or remove a row."""
    return pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)


def leaves_billed_periods_alone() -> pgtrigger.Trigger:
    """Return the trigger that keeps an agreement as it was for every period that has begun with it and is closed."""
    return pgtrigger.Trigger(
        name="agreement_leaves_billed_periods_alone",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        declare=[("since", "timestamptz")],
        func="""
            IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE'
                AND (to_jsonb(NEW) - 'ends_at') <> (to_jsonb(OLD) - 'ends_at')) THEN
                RAISE EXCEPTION 'agreement_leaves_billed_periods_alone: end it, and make another'
                USING ERRCODE = 'restrict_violation';
            END IF;
            IF TG_OP = 'INSERT' THEN since := NEW.starts_at;
            ELSE since := least(coalesce(OLD.ends_at, 'infinity'), coalesce(NEW.ends_at, 'infinity'));
            END IF;
            IF EXISTS (
                SELECT FROM billing_period p WHERE p.subscription_id = NEW.subscription_id
                AND p.kind = 'regular' AND p.state = 'closed' AND p.starts_at >= since
            ) THEN
                RAISE EXCEPTION 'agreement_leaves_billed_periods_alone: what began after % is billed already', since
                USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        """,
    )


def resolved_once() -> pgtrigger.Trigger:
    """Return the trigger that lets unbilled usage be resolved, once, and never changed or removed otherwise."""
    return pgtrigger.Trigger(
        name="unbilled_usage_is_resolved_once",
        when=pgtrigger.Before,
        operation=pgtrigger.Update | pgtrigger.Delete,
        func="""
            IF TG_OP = 'UPDATE' AND OLD.resolved_at IS NULL AND
               (to_jsonb(NEW) - ARRAY['resolved_at', 'resolved_sequence', 'reason', 'detail', 'customer_id'])
               = (to_jsonb(OLD) - ARRAY['resolved_at', 'resolved_sequence', 'reason', 'detail', 'customer_id']) THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'unbilled_usage_is_resolved_once: it may only be attributed, once'
            USING ERRCODE = 'restrict_violation';
        """,
    )
