"""
Database triggers that keep credit notes within the invoices that they correct.

Issuing a credit note updates `credited` of its invoice by the trigger and thereby locks that row until the commit:
two credit notes of one invoice are serialized, and the second is checked against the amount that the first has left.
"""

import pgtrigger

from invoices.amounts.line_net import line_net_sql
from invoices.amounts.line_taxes import line_taxes_sql
from lib.triggers import after_statement, refuse_if_found

_COUNT = """
        EXECUTE $count$
            UPDATE invoices_invoice i SET credited = i.credited + n.total,
                state = CASE WHEN i.state NOT IN ('issued', 'overdue')
                        OR i.paid + i.credited + n.total - i.returned < i.total THEN i.state
                    WHEN i.paid > 0 THEN 'paid' ELSE 'void' END
            FROM (SELECT corrects_id, sum(total) AS total FROM new_rows WHERE kind = 'credit_note' GROUP BY 1) n
            WHERE i.id = n.corrects_id
        $count$;
"""


def correction_is_of_the_same_parties() -> pgtrigger.Trigger:
    """Return the trigger that refuses to correct another customer's document, or a credit note."""
    return _on_insert(
        "correction_is_of_the_same_parties",
        refuse_if_found(
            """
            SELECT 1 FROM new_rows n JOIN invoices_invoice i ON i.id = n.corrects_id
            WHERE i.kind <> 'invoice' OR i.state = 'draft' OR (i.seller_id, i.customer_id, i.currency, i.sandbox)
                IS DISTINCT FROM (n.seller_id, n.customer_id, n.currency, n.sandbox)
            """,
            "correction_is_of_the_same_parties: it must correct an invoice of its seller, customer and currency",
        ),
    )


def credit_notes_are_counted() -> pgtrigger.Trigger:
    """
    Return the trigger that adds up the credited amount of each invoice, and refuses credits above a line's net.

    An invoice with nothing left is void, unless some of it was paid: then it is paid, and the payment beyond the
    amount left is owed to the customer.
    """
    line_net = line_net_sql("l")
    return _on_insert(
        "credit_notes_are_counted",
        _COUNT
        + refuse_if_found(
            f"""
            SELECT 1 FROM new_rows n JOIN invoices_line c ON c.invoice_id = n.id
            LEFT JOIN invoices_line l ON l.id = c.corrects_line_id
            WHERE n.kind = 'credit_note' AND (
                l.invoice_id IS DISTINCT FROM n.corrects_id OR {line_taxes_sql("l")} IS DISTINCT
                    FROM {line_taxes_sql("c")}
                OR (SELECT sum(o.amount) FROM invoices_line o WHERE o.corrects_line_id = l.id)
                    NOT BETWEEN least(0, {line_net}) AND greatest(0, {line_net}))
            """,
            "line_is_credited_up_to_its_net: a credit must refer to a line of its invoice, at its taxes, and all"
            " credits of a line together must not exceed its amount",
        ),
    )


def _on_insert(name: str, body: str) -> pgtrigger.Trigger:
    """Return a trigger that only checks inserted corrections; closing inserts thousands of invoices that are none."""
    return after_statement(
        name,
        f"""
        IF NOT EXISTS (SELECT 1 FROM new_rows WHERE corrects_id IS NOT NULL) THEN
            RETURN NULL;
        END IF;
        {body}
        """,
    )
