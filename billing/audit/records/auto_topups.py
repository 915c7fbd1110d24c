"""Check automatic top-ups and their rules."""

from billing.audit.check import Check

_ENDED = """
    SELECT t.id AS topup_id, t.state, p.state AS purchase, t.amount, i.total FROM wallets_topup t
    LEFT JOIN wallets_purchase p ON p.id = t.purchase_id LEFT JOIN invoices_invoice i ON i.id = p.invoice_id
    WHERE (t.wallet_id, t.amount, t.currency) IS DISTINCT FROM (p.wallet_id, i.total, p.currency)
        OR p.reference NOT LIKE 'topup:%' OR t.settled_at < t.created_at
        OR CASE t.state WHEN 'paid' THEN p.state <> 'granted' WHEN 'declined' THEN p.state <> 'failed'
            WHEN 'canceled' THEN p.state NOT IN ('canceled', 'failed') ELSE false END
"""

_PENDING = """
    SELECT wallet_id, count(*) AS pending FROM wallets_topup WHERE state = 'pending' GROUP BY 1 HAVING count(*) > 1
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
    Check("topups_end_as_their_purchase_did", "W8", _ENDED),
    Check("one_topup_of_a_wallet_is_pending", "W8", _PENDING),
    Check("topup_rules_fit_their_wallet", "W8", _RULES),
)
