"""Check purchases of credit packs: the price, the invoice, and the grant."""

import json
from collections.abc import Iterator

from billing.audit.check import Check, Row
from billing.audit.shared_reads import Books
from wallets.models import Purchase
from wallets.purchases.pack_terms import load_terms
from wallets.purchases.paid_grant import CREDITED_BY_HAND
from wallets.purchases.purchase_invoice import purchase_line_facts

# Amounts credited before the grant reduce the lot's cost. A credit note of the same moment may be before or after it.
_CREDITED = """coalesce((SELECT sum(c.amount) FROM invoices_line c JOIN invoices_invoice n ON n.id = c.invoice_id
            WHERE n.corrects_id = i.id AND n.issued_at {before} p.granted_at), 0)"""

_GRANTED = f"""
    SELECT p.id AS purchase_id, p.state, i.state AS invoice, l.units, l.bonus, l.cost FROM wallets_purchase p
    JOIN wallets_wallet w ON w.id = p.wallet_id LEFT JOIN invoices_invoice i ON i.id = p.invoice_id
    LEFT JOIN LATERAL (
        SELECT sum(l.amount) FILTER (WHERE l.source = 'purchase:' || p.id AND l.kind = 'purchased') AS units,
            sum(l.amount) FILTER (WHERE l.source = 'purchase:' || p.id || ':bonus' AND l.kind = 'bonus') AS bonus,
            sum(l.cost) AS cost
        FROM wallets_lot l WHERE l.wallet_id = p.wallet_id
            AND l.source IN ('purchase:' || p.id, 'purchase:' || p.id || ':bonus')
    ) l ON true
    WHERE i.reference IS DISTINCT FROM 'purchase:' || p.id OR (w.currency, w.currency) <> (p.currency, i.currency)
        OR (i.customer_id, i.net) IS DISTINCT FROM (w.customer_id, p.net)
        OR CASE p.state
            WHEN 'granted' THEN l.units IS DISTINCT FROM p.units OR coalesce(l.bonus, 0) <> p.bonus
                OR l.cost NOT IN (p.net - {_CREDITED.format(before="<")}, p.net - {_CREDITED.format(before="<=")})
                OR NOT (p.is_trusted OR i.state = 'paid')
            WHEN 'pending' THEN p.is_trusted OR l.units IS NOT NULL OR EXISTS ( -- the settlement task missed it
                SELECT FROM invoices_payment y WHERE y.invoice_id = i.id AND i.state = 'paid'
                    AND y.created_at < now() - interval '1 minute')
            ELSE i.state <> 'void' OR l.units IS NOT NULL END
    UNION ALL
    SELECT p.id, p.state, i.reference, NULL, NULL, NULL FROM invoices_invoice i
    LEFT JOIN wallets_purchase p ON p.invoice_id = i.id
    WHERE i.reference LIKE 'purchase:%' AND p.id IS NULL
"""  # noqa: S608


def _wrong_figures(books: Books) -> Iterator[Row]:
    """Compute each purchase and its invoice line again, on the terms stored with the purchase."""
    rows = Purchase.objects.select_related("invoice").prefetch_related("invoice__lines")
    for purchase in rows.iterator(chunk_size=1_000):
        terms = load_terms(purchase.terms)
        order = terms.purchase_amounts(purchase.quantity, purchase.units, str(purchase.currency))
        expected_line = purchase_line_facts(terms, order, purchase.quantity, at=purchase.invoice.period_start)
        for line in purchase.invoice.lines.all():
            stored_line = (line.quantity, line.explanation, line.service_start, line.service_end)
            service_dates = (purchase.invoice.period_start, purchase.invoice.period_end)
            if (
                stored_line != (expected_line.quantity, json.loads(expected_line.explanation), *service_dates)
                or service_dates != expected_line.service_period
            ):
                yield {"purchase_id": purchase.pk, "invoice_id": purchase.invoice_id, "line": line.pk}
        stored_figures = (purchase.units, purchase.bonus, purchase.net)
        if stored_figures != (order.units, order.bonus, order.net):
            yield {
                "purchase_id": purchase.pk,
                "stored": stored_figures,
                "again": (order.units, order.bonus, order.net),
            }


# A withdrawn purchase has a credit note with its reason. Crediting the invoice by hand also withdraws the purchase,
# with a reason of its own, so those are left out.
_WITHDRAWN = f"""
    SELECT p.id AS purchase_id, n.id AS credit_note_id, n.reason, n.credit_to FROM wallets_purchase p
    LEFT JOIN invoices_invoice n ON n.corrects_id = p.invoice_id AND n.kind = 'credit_note'
    WHERE p.state IN ('canceled', 'failed') AND p.reason <> '{CREDITED_BY_HAND}'
        AND (n.id IS NULL OR (n.reason, n.credit_to) <> (p.reason, 'offset'))
    UNION ALL
    SELECT p.id, n.id, n.reason, n.credit_to FROM wallets_purchase p
    JOIN invoices_invoice i ON i.id = p.invoice_id
    JOIN invoices_invoice n ON n.corrects_id = i.id AND n.kind = 'credit_note'
    WHERE (n.period_start, n.period_end) <> (i.period_start, i.period_end)
"""  # noqa: S608

CHECKS = (
    Check("purchases_that_were_taken_back_are_credited", "W7", _WITHDRAWN),
    Check("purchases_come_to_what_was_sold", "W7", _wrong_figures),
    Check("purchases_are_granted_once_they_are_paid", "W7", _GRANTED),
)
