"""Database triggers for what is only ever added to."""

import pgtrigger


def append_only() -> pgtrigger.Trigger:
    """Return the trigger that refuses to change or remove a row."""
    return pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)


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
