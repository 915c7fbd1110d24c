"""Database triggers that protect rows from change."""

import pgtrigger


def notification_stays_as_written() -> pgtrigger.Trigger:
    """
    Return the trigger that keeps a notification unchanged.

    Only the number of recipients is added, once; after that, the notification can be deleted with its deliveries.
    """
    return pgtrigger.Trigger(
        name="notification_stays_as_written",
        when=pgtrigger.Before,
        operation=pgtrigger.Update | pgtrigger.Delete,
        func="""
            IF OLD.recipients IS NOT NULL AND TG_OP = 'DELETE' THEN
                RETURN OLD;
            END IF;
            IF TG_OP = 'UPDATE' AND OLD.recipients IS NULL
                AND to_jsonb(NEW) - 'recipients' = to_jsonb(OLD) - 'recipients' THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'notification_stays_as_written: what happened stays as it was told'
            USING ERRCODE = 'restrict_violation';
        """,
    )


def clock_goes_forward() -> pgtrigger.Trigger:
    """Return the trigger that rejects moving a test clock back: periods already billed would lie in the future."""
    return pgtrigger.Trigger(
        name="clock_goes_forward",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=pgtrigger.Condition("NEW.now < OLD.now"),
        func="""
            RAISE EXCEPTION 'clock_goes_forward: a test clock never goes back; make another one'
            USING ERRCODE = 'restrict_violation';
        """,
    )


def customer_keeps_its_clock() -> pgtrigger.Trigger:
    """Return the trigger that keeps a customer's test clock and sandbox flag as they were at its creation."""
    return pgtrigger.Trigger(
        name="customer_keeps_its_clock",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=pgtrigger.Condition(
            "OLD.test_clock_id IS DISTINCT FROM NEW.test_clock_id OR OLD.sandbox IS DISTINCT FROM NEW.sandbox"
        ),
        func="""
            RAISE EXCEPTION 'customer_keeps_its_clock: make another customer for another time'
            USING ERRCODE = 'restrict_violation';
        """,
    )


def logo_is_kept_for_ever() -> pgtrigger.Trigger:
    """Return the trigger that keeps every logo, since an invoice with it may have to be rendered again."""
    return pgtrigger.Trigger(
        name="logo_is_kept_for_ever",
        when=pgtrigger.Before,
        operation=pgtrigger.Update | pgtrigger.Delete,
        func="""
            RAISE EXCEPTION 'logo_is_kept_for_ever: documents are printed with it; add another one'
            USING ERRCODE = 'restrict_violation';
        """,
    )
