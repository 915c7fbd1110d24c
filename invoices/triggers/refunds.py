"""Database triggers for money returned to customers: balances and refunds."""

import pgtrigger

from lib.triggers import WRITE, after_statement, allow_only, refuse_if_found, unchanged_but


def balance_follows_its_entries() -> pgtrigger.Trigger:
    """
    Return the trigger by which an entry updates its customer's balance and receives its place and the balance after
    it.

    The balance's row stays locked until the commit, so that entries of a customer are serialized. The trigger updates
    first and inserts second, since PostgreSQL checks constraints on a proposed row before it detects the conflict.
    """
    return pgtrigger.Trigger(
        name="balance_follows_its_entries",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        # The balance row is the lock: its update gives each entry the next place, one entry after the other.
        func="""
            UPDATE invoices_customerbalance b SET amount = b.amount + NEW.amount, entries = b.entries + 1
            WHERE b.customer_id = NEW.customer_id AND b.seller_id = NEW.seller_id AND b.currency = NEW.currency
            RETURNING b.amount, b.entries INTO NEW.after, NEW.place;
            IF NOT FOUND THEN
                INSERT INTO invoices_customerbalance AS b (customer_id, seller_id, currency, amount, entries)
                VALUES (NEW.customer_id, NEW.seller_id, NEW.currency, NEW.amount, 1)
                ON CONFLICT (customer_id, seller_id, currency) DO UPDATE
                SET amount = b.amount + excluded.amount, entries = b.entries + 1
                RETURNING b.amount, b.entries INTO NEW.after, NEW.place;
            END IF;
            RETURN NEW;
        """,
    )


def balance_moves_by_entries() -> pgtrigger.Trigger:
    """Return the trigger that refuses to create, change or delete a balance except through an entry."""
    return allow_only(
        "balance_moves_by_entries",
        "TG_OP <> 'DELETE' AND pg_trigger_depth() > 1",
        operation=WRITE,
        remedy="add an entry",
    )


def refund_is_of_money_received() -> pgtrigger.Trigger:
    """
    Return the trigger that refuses refunds above their credit note's total or their payment attempt's amount.

    Failed and canceled refunds don't count.
    """
    return after_statement(
        "refund_is_of_money_received",
        refuse_if_found(
            # Pending refunds count as well, so that two requests at once can't return the same money.
            """
            SELECT 1 FROM new_rows r LEFT JOIN invoices_invoice n ON n.id = r.note_id
            LEFT JOIN invoices_paymentattempt c ON c.id = r.attempt_id
            WHERE (n.id IS NOT NULL AND ((n.kind, n.customer_id, n.seller_id, n.currency)
                    IS DISTINCT FROM ('credit_note', r.customer_id, r.seller_id, r.currency)
                    OR n.total < (SELECT sum(o.amount) FROM invoices_refund o
                        WHERE o.note_id = n.id AND o.state IN ('pending', 'succeeded'))))
                OR (c.id IS NOT NULL AND ((c.state, c.currency, c.provider)
                    IS DISTINCT FROM ('succeeded', r.currency, r.provider) OR c.amount <
                        (SELECT sum(o.amount) FROM invoices_refund o
                        WHERE o.attempt_id = c.id AND o.state IN ('pending', 'succeeded'))))
            """,
            "refund_is_of_money_received: refund a credit note of its customer, up to the charged amount",
        ),
    )


_OUTCOME_COLUMNS = ("state", "ref", "code", "reason", "tries", "sent_at", "leased_until", "next_at", "settled_at")
_PAGE_COLUMNS = ("page", "closes_at", "disputed_at")


def returned_amount_is_counted(condition: str, note_column: str) -> pgtrigger.Trigger:
    """
    Return the trigger that adds up the returned amount of an invoice when the paid part of a credit note goes back.

    condition: SQL condition that selects the new rows to count. note_column: the column with the credit note's id.
    """
    return after_statement(
        "returned_money_is_counted",
        f"""
            UPDATE invoices_invoice i SET returned = i.returned + r.amount FROM (
                SELECT n.corrects_id, sum(r.amount) AS amount FROM new_rows r
                JOIN invoices_invoice n ON n.id = r.{note_column} WHERE {condition} GROUP BY 1
            ) r WHERE i.id = r.corrects_id;
            RETURN NULL;
        """,
    )


def settled_attempt_is_final(name: str, *, late_change: str) -> pgtrigger.Trigger:
    """
    Return the trigger that keeps an attempt's order unchanged, and its outcome once it is settled.

    late_change: SQL condition on OLD and NEW of a change still allowed, such as a payment that succeeded late.
    """
    return allow_only(
        name,
        f"(OLD.state IN ('pending', NEW.state) OR ({late_change}))"
        f" AND {unchanged_but(*_OUTCOME_COLUMNS, *_PAGE_COLUMNS)}",
        remedy="the outcome of an attempt is final, and so is its subject",
    )
