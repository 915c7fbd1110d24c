"""Database triggers that protect rows from change."""

import pgtrigger

from lib.triggers import allow_only, unchanged_but


def notification_stays_as_written() -> pgtrigger.Trigger:
    """
    Return the trigger that keeps a notification unchanged.

    Only the number of recipients is added, once. After that, the notification can be deleted with its deliveries, and
    the number falls when some of them are deleted before.
    """
    return allow_only(
        "notification_stays_as_written",
        f"""
            (TG_OP = 'DELETE' AND OLD.recipients IS NOT NULL)
            OR ((OLD.recipients IS NULL OR NEW.recipients < OLD.recipients) AND {unchanged_but("recipients")})
        """,
        remedy="a notification is never changed; send another one",
    )


def clock_goes_forward() -> pgtrigger.Trigger:
    """Return the trigger that rejects moving a test clock back: periods already billed would lie in the future."""
    return allow_only(
        "clock_goes_forward",
        "NEW.now >= OLD.now",
        operation=pgtrigger.Update,
        remedy="time only moves forward; create another test clock",
    )


def customer_keeps_its_clock() -> pgtrigger.Trigger:
    """Return the trigger that keeps a customer's test clock and sandbox flag as they were at its creation."""
    return allow_only(
        "customer_keeps_its_clock",
        "(OLD.test_clock_id, OLD.sandbox) IS NOT DISTINCT FROM (NEW.test_clock_id, NEW.sandbox)",
        operation=pgtrigger.Update,
        remedy="create another customer with that clock",
    )


def logo_is_kept_for_ever() -> pgtrigger.Trigger:
    """Return the trigger that keeps every logo, since an invoice with it may have to be rendered again."""
    return allow_only("logo_is_kept_for_ever", "false", remedy="invoices show it; add another one")
