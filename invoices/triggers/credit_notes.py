"""
Database triggers that keep credit notes below what they correct.

Whoever issues a credit note moves `credited` of its invoice by the trigger, and so holds that row until the commit:
two notes of one invoice come one after the other, and the second is measured against what the first has left.
"""

import pgtrigger

from invoices.documents.line_net import net_of
from invoices.tax.line_taxes import taxes_of
from invoices.triggers.issued_invoices import refused_if

_COUNT = """
        EXECUTE $count$
            UPDATE invoices_invoice i SET credited = i.credited + n.total,
                state = CASE WHEN i.state NOT IN ('issued', 'overdue') OR i.paid + i.credited + n.total < i.total
                    THEN i.state WHEN i.paid > 0 THEN 'paid' ELSE 'void' END
            FROM (SELECT corrects_id, sum(total) AS total FROM new_rows WHERE kind = 'credit_note' GROUP BY 1) n
            WHERE i.id = n.corrects_id
        $count$;
"""


def correction_is_of_the_same_parties() -> pgtrigger.Trigger:
    """Return the trigger that refuses to correct another customer's document, or one that is itself a credit note."""
    return _on_insert(
        "correction_is_of_the_same_parties",
        refused_if(
            """
            SELECT 1 FROM new_rows n JOIN invoices_invoice i ON i.id = n.corrects_id
            WHERE i.kind <> 'invoice' OR i.state = 'draft' OR (i.seller_id, i.customer_id, i.currency, i.sandbox)
                IS DISTINCT FROM (n.seller_id, n.customer_id, n.currency, n.sandbox)
            """,
            "correction_is_of_the_same_parties: it corrects an issued invoice of its seller, customer and currency",
            code="check_violation",
        ),
    )


def credit_notes_are_counted() -> pgtrigger.Trigger:
    """
    Return the trigger that counts what is credited of each invoice, and refuses more than its lines came to.

    An invoice of which nothing is left is void, unless something of it was paid: then it is paid, and what was
    beyond what is left of the claim is owed to the customer.
    """
    net = net_of("l")
    return _on_insert(
        "credit_notes_are_counted",
        _COUNT
        + refused_if(
            f"""
            SELECT 1 FROM new_rows n JOIN invoices_line c ON c.invoice_id = n.id
            LEFT JOIN invoices_line l ON l.id = c.corrects_line_id
            WHERE n.kind = 'credit_note' AND (
                l.invoice_id IS DISTINCT FROM n.corrects_id OR {taxes_of("l")} IS DISTINCT FROM {taxes_of("c")}
                OR (SELECT sum(o.amount) FROM invoices_line o WHERE o.corrects_line_id = l.id)
                    NOT BETWEEN least(0, {net}) AND greatest(0, {net}))
            """,
            "line_is_credited_up_to_its_net: a credit is of a line of its invoice, at its taxes, and all"
            " of them together are no more than it came to",
            code="check_violation",
        ),
    )


def _on_insert(name: str, body: str) -> pgtrigger.Trigger:
    """Return a trigger that looks at documents that correct others; closing writes thousands that do not."""
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.After,
        level=pgtrigger.Statement,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="new_rows"),
        declare=[("broken", "boolean")],
        func=f"""
        IF NOT EXISTS (SELECT 1 FROM new_rows WHERE corrects_id IS NOT NULL) THEN
            RETURN NULL;
        END IF;
        {body}
        """,
    )
