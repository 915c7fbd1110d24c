"""
Postings of accruals: revenue that periods have earned by a month's end beyond what lines account for by then.

An accrual holds at the end of its month, and goes in the next one, where the next accrual or the line replaces it.
Nothing is known of accruals after the running month.
"""

from billing.revenue.ledger.sources import month_place_sql
from billing.revenue.ledger.sources.line_choices import issued_since

# An uninvoiced amount counts while its period is open, or the late usage that it is computed from is not invoiced.
ROWS = f"""
SELECT s.currency, m.place AS service, m.place AS booked, s.customer_id, 'accrual' AS source, p.id AS source_id,
    'unbilled' AS debit, 'revenue' AS credit, m.amount, x.kind, v.plan_id, g.feature_id, x.fee_id,
    NULL::bigint AS pack_id, c.country, '' AS tax_name, NULL::numeric AS tax_rate, '' AS method
FROM b CROSS JOIN billing_accruedamount x JOIN billing_accrual a ON a.id = x.accrual_id
JOIN billing_period p ON p.id = a.period_id JOIN billing_subscription s ON s.id = p.subscription_id
JOIN customers_customer c ON c.id = s.customer_id AND s.seller_id = b.seller AND NOT c.sandbox
JOIN plans_planversion v ON v.id = p.version_id LEFT JOIN plans_planfeature g ON g.id = x.plan_feature_id
CROSS JOIN LATERAL (SELECT {month_place_sql("a.month")} AS place) t
CROSS JOIN LATERAL (VALUES (t.place, x.amount), (t.place + 1, -x.amount)) AS m(place, amount)
WHERE x.amount <> 0 AND m.place BETWEEN b.low AND least(b.high, b.running) AND p.kind <> 'undone'
    AND (NOT x.is_uninvoiced OR p.state = 'open' OR a.computed_at >= p.late_since) AND {{customers}} AND {{changed}}
"""  # noqa: S608

# Only amounts of locked months are compared. They end when their period is invoiced, or their late usage by a line.
CHANGED = f"""
SELECT a.period_id AS id, p.starts_at AS at
FROM b CROSS JOIN billing_accrual a JOIN billing_period p ON p.id = a.period_id
WHERE a.month < b.months[b.open] AND (a.computed_at >= b.since - {{margin}} OR p.closed_at >= b.since - {{margin}})
UNION
SELECT u.period_id, p.starts_at FROM b JOIN invoices_invoice i ON i.seller_id = b.seller AND NOT i.sandbox
    AND i.state <> 'draft' AND {issued_since("b.since - {margin}")}
JOIN invoices_line l ON l.invoice_id = i.id JOIN billing_billedusage u ON u.line_id = l.id
JOIN billing_period p ON p.id = u.period_id
"""  # noqa: S608
