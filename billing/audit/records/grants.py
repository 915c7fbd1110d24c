"""Check that each paid purchase and each period is granted its credits, and that no grant outlives its period."""

from billing.audit.check import Check

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
        OR (i.customer_id, i.seller_id, i.net) IS DISTINCT FROM (w.customer_id, w.seller_id, p.net)
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

# The task runs every minute, so a grant that is missing ten minutes after its start is missed for good.
_NOT_GRANTED = """
    SELECT p.id AS period_id, g.period_id IS NOT NULL AS granted, g.next_at FROM billing_period p
    LEFT JOIN billing_periodgrant g ON g.period_id = p.id
    WHERE p.kind = 'regular' AND EXISTS (SELECT FROM plans_includedcredits i WHERE i.version_id = p.version_id)
        AND p.starts_at < now() - interval '10 minutes'
        AND (g.period_id IS NULL OR g.next_at < least(now() - interval '10 minutes', p.ends_at)
            OR g.starts_at <> p.starts_at OR g.subscription_id <> p.subscription_id)
"""

# Grants of a deleted period are taken back within two days; until then a leftover is no error.
_NOT_TAKEN_BACK = """
    SELECT l.id AS lot_id, l.source, l.remaining FROM wallets_lot l JOIN wallets_wallet w ON w.id = l.wallet_id
    WHERE l.kind = 'included' AND l.source ~ '^(period|starter):[0-9]+:[0-9]+' AND l.remaining > l.held
        AND NOT EXISTS (SELECT FROM billing_period p JOIN billing_subscription s ON s.id = p.subscription_id
            WHERE p.id = split_part(l.source, ':', 2)::bigint
                AND (s.customer_id, s.seller_id) = (w.customer_id, w.seller_id))
        AND NOT EXISTS (SELECT FROM billing_periodgrant g WHERE g.period_id = split_part(l.source, ':', 2)::bigint)
    UNION ALL
    SELECT g.period_id, NULL, NULL FROM billing_periodgrant g
    WHERE NOT EXISTS (SELECT FROM billing_period p WHERE p.id = g.period_id)
        AND g.starts_at < now() - interval '2 days'
"""

CHECKS = (
    Check("paid_purchases_are_granted_once", "W7", _GRANTED),
    Check("included_credits_are_granted_on_time", "W7", _NOT_GRANTED),
    Check("grants_of_removed_periods_are_voided", "W7", _NOT_TAKEN_BACK),
)
