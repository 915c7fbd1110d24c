"""
Database triggers that keep issued documents unchanged.

They work on whole statements where possible, so that closing a hundred thousand periods by COPY costs a few set
comparisons instead of a function call per row.
"""

import pgtrigger

from lib.triggers import CHANGE, WRITE, after_statement, allow_only, refuse_if_found, unchanged_but

MUTABLE = ("state", "credited", "paid", "returned")


def issued_invoice_changes_only_its_state() -> pgtrigger.Trigger:
    """
    Return the trigger that refuses to delete an issued invoice or to change anything but its state and counted
    amounts.

    `credited` changes only with a credit note (invoices/triggers/credit_notes.py), `paid` with a payment, and
    `returned` with a refund or an entry of the customer's balance.
    """
    return pgtrigger.Trigger(
        name="issued_invoice_changes_only_its_state",
        when=pgtrigger.Before,
        operation=CHANGE,
        func=f"""
            IF OLD.state = 'draft' THEN
                IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                RETURN NEW;
            END IF;
            IF TG_OP = 'DELETE'
               -- only the triggers of credit notes and payments count
               OR ((NEW.credited, NEW.paid, NEW.returned) <> (OLD.credited, OLD.paid, OLD.returned)
                   AND pg_trigger_depth() = 1)
               OR NOT ({unchanged_but(*MUTABLE)})
               OR (OLD.state, NEW.state) NOT IN (
                    ('issued', 'issued'), ('issued', 'paid'), ('issued', 'overdue'), ('issued', 'void'),
                    ('issued', 'uncollectible'), ('overdue', 'overdue'), ('overdue', 'paid'), ('overdue', 'void'),
                    ('overdue', 'uncollectible'), ('uncollectible', 'paid'), ('paid', 'paid'), ('void', 'void'),
                    ('uncollectible', 'uncollectible'))
                   -- a payment that was taken back leaves something due again
                   AND NOT (OLD.state = 'paid' AND NEW.state = 'issued' AND pg_trigger_depth() > 1) THEN
                RAISE EXCEPTION 'issued_invoice_changes_only_its_state: % is issued; correct it with a credit note',
                    OLD.number USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        """,
    )


def payments_are_counted() -> pgtrigger.Trigger:
    """
    Return the trigger that adds up an invoice's payments, marks it as paid when nothing is due, and refuses more.

    A paid invoice becomes issued again when a payment that it needs is reversed; the next overdue run finds it if it
    is past due.

    Recording a payment locks the invoice until the commit, as crediting it does, so that the two are serialized.
    """
    count_payments = """
        EXECUTE $count$
            UPDATE invoices_invoice i SET paid = i.paid + n.amount,
                state = CASE WHEN i.state IN ('issued', 'overdue', 'uncollectible')
                    AND i.paid + n.amount + i.credited - i.returned = i.total THEN 'paid'
                    WHEN i.state = 'paid' AND i.paid + n.amount + i.credited - i.returned < i.total THEN 'issued'
                    ELSE i.state END
            FROM (SELECT invoice_id, sum(amount) AS amount FROM new_rows GROUP BY 1) n WHERE i.id = n.invoice_id
        $count$;
    """
    return after_statement(
        "payments_are_counted",
        count_payments
        + refuse_if_found(
            """
            SELECT 1 FROM new_rows n JOIN invoices_invoice i ON i.id = n.invoice_id
            LEFT JOIN invoices_payment o ON o.id = n.reverses_id LEFT JOIN invoices_paymentattempt c
                ON c.id = n.attempt_id
            WHERE i.kind <> 'invoice' OR i.state IN ('draft', 'void') OR i.currency <> n.currency
                OR (i.paid + i.credited - i.returned > i.total AND n.reverses_id IS NULL)
                OR (o.invoice_id, -o.amount) IS DISTINCT FROM (n.invoice_id, n.amount) AND n.reverses_id IS NOT NULL
                OR n.attempt_id IS NOT NULL AND (c.invoice_id, c.state, c.currency)
                    IS DISTINCT FROM (n.invoice_id, 'succeeded', n.currency)
            """,
            "no_more_is_paid_than_is_due: pay an issued invoice, in its currency, up to the amount due",
        ),
    )


def issued_invoice_keeps_its_rows() -> list[pgtrigger.Trigger]:
    """Return the triggers that refuse to add, change or delete rows of an invoice that is already issued."""
    check = refuse_if_found(
        """
        SELECT 1 FROM {rows} r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'
        """,
        "issued_invoice_keeps_its_rows: correct an issued invoice with a credit note",
        code="restrict_violation",
    )
    kinds = [
        ("insert", pgtrigger.Insert, "new_rows"),
        ("delete", pgtrigger.Delete, "old_rows"),
        ("update", pgtrigger.Update, "(SELECT * FROM old_rows UNION ALL SELECT * FROM new_rows)"),
    ]
    return [
        after_statement(f"issued_invoice_keeps_its_rows_{suffix}", check.replace("{rows}", rows), operation=operation)
        for suffix, operation, rows in kinds
    ]


def issued_invoice_equals_its_lines() -> list[pgtrigger.Trigger]:
    """
    Return the triggers that compare every invoice with its lines and taxes when it is issued.

    Lines are written before the invoice is issued, in the same transaction or an earlier one.
    """
    check = refuse_if_found(
        # One statement for all rows of an insert: a close issues a thousand invoices at once.
        """
        SELECT 1 FROM new_rows i
        LEFT JOIN LATERAL (
            SELECT sum(l.amount) AS net, sum(l.amount * coalesce(jsonb_array_length(l.taxes), 1)) AS taxable,
                bool_and(l.currency = i.currency
                AND (l.corrects_line_id IS NOT NULL) = (i.kind = 'credit_note')) AS same,
                -sum(l.amount) FILTER (WHERE l.kind = 'coupon') AS coupons
            FROM invoices_line l WHERE l.invoice_id = i.id
        ) lines ON true
        LEFT JOIN LATERAL (
            SELECT sum(t.amount) AS tax, sum(t.taxable) AS taxable, bool_and(t.currency = i.currency) AS same
            FROM invoices_invoicetax t WHERE t.invoice_id = i.id
        ) taxes ON true
        WHERE i.state <> 'draft' AND (
            CASE WHEN i.includes_tax THEN i.total ELSE i.net END <> coalesce(lines.net, 0)
            OR i.tax <> coalesce(taxes.tax, 0)
            OR (NOT i.includes_tax AND coalesce(taxes.taxable, 0) <> coalesce(lines.taxable, 0))
            OR NOT coalesce(lines.same, true) OR NOT coalesce(taxes.same, true)
            OR coalesce(lines.coupons, 0) <>
                coalesce((SELECT sum(d.amount) FROM invoices_discount d WHERE d.invoice_id = i.id), 0))
        """,
        "issued_invoice_equals_its_lines: its net, tax, kind or currency differs from its rows",
    )
    return [
        after_statement(f"issued_invoice_equals_its_lines_{suffix}", check, operation=operation)
        for suffix, operation in (("insert", pgtrigger.Insert), ("update", pgtrigger.Update))
    ]


def locked_month_takes_no_invoice() -> list[pgtrigger.Trigger]:
    """
    Return the triggers that refuse to issue a live document dated in a locked month.

    Locking a month locks the seller's number series, as issuing does until the commit, so that one waits for the
    other.
    """
    query = """
        SELECT 1 FROM {issued} JOIN invoices_monthlock l ON l.seller_id = n.seller_id AND l.unlocked_at IS NULL
            AND l.month = date_trunc('month', n.issue_date)::date
        WHERE n.state <> 'draft' AND NOT n.sandbox
    """
    kinds = [
        ("insert", pgtrigger.Insert, "new_rows n"),
        ("update", pgtrigger.Update, "new_rows n JOIN old_rows o ON o.id = n.id AND o.state = 'draft'"),
    ]
    return [
        after_statement(
            f"locked_month_takes_no_invoice_{suffix}",
            refuse_if_found(
                query.format(issued=issued_rows),
                "locked_month_takes_no_invoice: date it to a later month, or unlock the month",
                code="restrict_violation",
            ),
            operation=operation,
        )
        for suffix, operation, issued_rows in kinds
    ]


def month_lock_is_only_undone() -> pgtrigger.Trigger:
    """
    Return the trigger that accepts a lock only of a month that is over, and then no change but the end of its
    freezing and its unlocking.
    """
    is_over = """
        NEW.locked_at >= (SELECT (NEW.month + interval '1 month') AT TIME ZONE s.time_zone
            FROM customers_seller s WHERE s.id = NEW.seller_id)
    """
    return allow_only(
        "month_lock_is_only_undone",
        f"""
            CASE TG_OP WHEN 'INSERT' THEN {is_over}
            WHEN 'UPDATE' THEN OLD.unlocked_at IS NULL AND (
                {unchanged_but("unlock_reason", "unlocked_by_id", "unlocked_at")}
                OR OLD.frozen_at IS NULL AND {unchanged_but("frozen_at", "postings", "digest")})
            ELSE false END
        """,
        operation=WRITE,
        remedy="a month can be locked once it is over, and only unlocked afterwards",
    )


def coupon_is_shared_out_whole() -> pgtrigger.Trigger:
    """
    Return the trigger that compares coupons' lines with their discounts, which are written in one statement.

    A discount applies to a line of the same invoice and tax rate with a positive amount, and takes it at most to
    zero.
    """
    return after_statement(
        "coupon_is_shared_out_whole",
        refuse_if_found(
            """
            SELECT 1 FROM new_rows r
            JOIN invoices_line c ON c.id = r.coupon_line_id JOIN invoices_line l ON l.id = r.line_id
            WHERE c.kind <> 'coupon' OR l.kind = 'coupon' OR c.invoice_id <> r.invoice_id
                OR l.invoice_id <> r.invoice_id OR c.tax_rate <> l.tax_rate OR c.taxes IS DISTINCT FROM l.taxes
                OR -c.amount <> (SELECT sum(d.amount) FROM invoices_discount d WHERE d.coupon_line_id = c.id)
                OR l.amount < (SELECT sum(d.amount) FROM invoices_discount d WHERE d.line_id = l.id)
            """,
            "coupon_is_shared_out_whole: its shares differ from its discount, or exceed a line amount",
        ),
    )
