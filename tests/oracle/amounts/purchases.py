"""Check purchases of credit packs and automatic top-ups: compute the price, the invoice line and the grant again."""

import json
from collections.abc import Iterator

from billing.audit.check import Check, Row
from billing.audit.shared_reads import Books
from wallets.models import Purchase
from wallets.purchases.pack_terms import load_terms
from wallets.purchases.paid_grant import CREDITED_BY_HAND
from wallets.purchases.purchase_invoice import purchase_line_facts


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
    SELECT p.id AS purchase_id, NULL AS credit_note_id, p.reason, NULL AS credit_to FROM wallets_purchase p
    WHERE p.state IN ('canceled', 'failed') AND p.reason <> '{CREDITED_BY_HAND}' AND NOT EXISTS (
        SELECT FROM invoices_invoice n WHERE n.corrects_id = p.invoice_id AND n.kind = 'credit_note'
            AND (n.reason, n.credit_to) = (p.reason, 'offset'))
    UNION ALL
    SELECT p.id, n.id, n.reason, n.credit_to FROM wallets_purchase p
    JOIN invoices_invoice i ON i.id = p.invoice_id
    JOIN invoices_invoice n ON n.corrects_id = i.id AND n.kind = 'credit_note'
    WHERE (n.period_start, n.period_end) <> (i.period_start, i.period_end)
"""  # noqa: S608

_ENDED = """
    SELECT t.id AS topup_id, t.state, p.state AS purchase, t.amount, i.total FROM wallets_topup t
    LEFT JOIN wallets_purchase p ON p.id = t.purchase_id LEFT JOIN invoices_invoice i ON i.id = p.invoice_id
    WHERE (t.wallet_id, t.amount, t.currency) IS DISTINCT FROM (p.wallet_id, i.total, p.currency)
        OR p.reference NOT LIKE 'topup:%' OR t.settled_at < t.created_at
        OR CASE t.state WHEN 'paid' THEN p.state <> 'granted' WHEN 'declined' THEN p.state <> 'failed'
            WHEN 'canceled' THEN p.state NOT IN ('canceled', 'failed') ELSE false END
"""

_RULES = """
    SELECT r.id AS rule_id, r.payer, c.sandbox FROM wallets_topuprule r JOIN wallets_wallet w ON w.id = r.wallet_id
    JOIN customers_customer c ON c.id = w.customer_id JOIN plans_creditpack p ON p.id = r.pack_id
    WHERE (r.payer <> 'invoice' AND NOT c.sandbox) OR (r.is_on AND r.declines >= r.most_declines)
        OR (p.unit = 'credits') <> (w.unit = 'credits')
    UNION ALL
    SELECT o.rule_id, o.span, NULL FROM wallets_topupceiling o
    JOIN wallets_topupceiling f ON (f.rule_id, f.span, f.set_by) = (o.rule_id, o.span, 'finance')
    WHERE o.set_by = 'customer' AND (o.most > f.most OR o.most_money > f.most_money)
"""

CHECKS = (
    Check("reversed_purchases_are_credited", "W7", _WITHDRAWN),
    Check("purchases_match_the_pack_sold", "W7", _wrong_figures),
    Check("top_ups_end_like_their_purchase", "W8", _ENDED),
    Check("top_up_rules_fit_their_wallet", "W8", _RULES),
)
