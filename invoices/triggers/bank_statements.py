"""Database triggers for the lines of bank statements and their bookings."""

import pgtrigger

from lib.triggers import after_statement, allow_only, refuse_if_found, unchanged_but

_PERSONAL_COLUMNS = ("payer_name", "payer_account", "text", "end_to_end_id")
_KEPT_OR_BLANK = " AND ".join(f"NEW.{column} IN (OLD.{column}, '')" for column in _PERSONAL_COLUMNS)


def bank_line_stays_as_imported() -> pgtrigger.Trigger:
    """Return the trigger by which a line changes only its state, reason and customer, and loses personal data."""
    return allow_only(
        "bank_line_stays_as_imported",
        f"TG_OP = 'UPDATE' AND {unchanged_but('state', 'reason', 'customer_id', *_PERSONAL_COLUMNS)}"
        f" AND {_KEPT_OR_BLANK}",
        remedy="only its state changes",
    )


_LINES_WITH_OTHER_BOOKINGS = """
    SELECT 1 FROM new_rows n WHERE (n.state = 'booked' AND n.amount IS DISTINCT FROM (SELECT sum(b.amount)
            FROM invoices_bankbooking b WHERE b.line_id = n.id AND b.undone_at IS NULL))
        OR (n.state <> 'booked' AND EXISTS (SELECT FROM invoices_bankbooking b
            WHERE b.line_id = n.id AND b.undone_at IS NULL))
"""


def bank_line_is_booked_in_full() -> pgtrigger.Trigger:
    """
    Return the trigger that refuses a booked line whose bookings don't sum to its amount, and one that is not booked
    but has bookings. An operation therefore adds or undoes the bookings first, and changes the state afterward.
    """
    return after_statement(
        "bank_line_is_booked_in_full",
        refuse_if_found(
            _LINES_WITH_OTHER_BOOKINGS,
            "bank_line_is_booked_in_full: book the whole amount of the line, or undo all of it",
        ),
        operation=pgtrigger.Update,
    )


def booking_is_of_its_line() -> pgtrigger.Trigger:
    """Return the trigger that refuses a booking whose invoice, currency or amounts are not those of its money."""
    return after_statement(
        "booking_is_of_its_line",
        refuse_if_found(
            """
            SELECT 1 FROM new_rows n JOIN invoices_bankline l ON l.id = n.line_id
            JOIN invoices_bankaccount a ON a.id = l.account_id JOIN invoices_invoice i ON i.id = n.invoice_id
            LEFT JOIN invoices_payment p ON p.id = n.payment_id LEFT JOIN invoices_balanceentry e ON e.id = n.entry_id
            WHERE (i.seller_id, i.currency, i.sandbox) IS DISTINCT FROM (a.seller_id, l.currency, false)
                OR l.state = 'booked' OR n.amount <> coalesce(p.amount, 0) + coalesce(e.amount, 0)
                OR n.invoice_id <> coalesce(p.invoice_id, n.invoice_id)
                OR n.invoice_id <> coalesce(e.document_id, n.invoice_id)
            """,
            "booking_is_of_its_line: book an invoice of the account''s seller, in the currency of the line",
        ),
    )


def booking_is_only_undone() -> pgtrigger.Trigger:
    """Return the trigger by which a booking changes once at most: when it is undone."""
    return allow_only(
        "booking_is_only_undone",
        f"TG_OP = 'UPDATE' AND {unchanged_but('undone_at')} AND OLD.undone_at IS NULL",
        remedy="undo it, and book the line again",
    )
