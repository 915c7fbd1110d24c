"""
Postings of prepaid value: the cost of a purchase becomes revenue when it is used, and breakage when it expires.

The rows of one purchase are rounded increases of a running cost, in the order of months and features, so that no cent
is lost: 100.00 used in thirds earns 33.33, 33.34 and 33.33. docs/recognition.md#prepaid-value.
"""

from billing.revenue.ledger.sources import month_place_sql, place_sql, units_sql

# Every lot that holds a part of a purchase: its own, its bonus, and those that they rolled over or were moved into. A
# changed estimate is caught up in the month from which it holds, whether or not there is use in it.
_STEPS = f"""
WITH RECURSIVE lots (purchase_id, lot_id) AS (
    SELECT u.id, l.id FROM b CROSS JOIN wallets_purchase u
    JOIN invoices_invoice i ON i.id = u.invoice_id AND i.seller_id = b.seller AND NOT i.sandbox
    JOIN wallets_lot l
        ON l.wallet_id = u.wallet_id AND l.source IN ('purchase:' || u.id, 'purchase:' || u.id || ':bonus')
    WHERE {{customers}} AND {{changed}}
    UNION ALL
    SELECT o.purchase_id, l.id FROM lots o JOIN wallets_lot l ON l.origin_id = o.lot_id
), movements AS (
    SELECT r.purchase_id, {place_sql("t.at")} AS place, t.feature_id,
        -coalesce(sum(e.money) FILTER (WHERE t.kind IN ('spend', 'give_back', 'repay')), 0) AS used,
        -coalesce(sum(e.money) FILTER (WHERE t.kind IN ('expire', 'revive', 'void')), 0) AS expired,
        -coalesce(sum(e.money) FILTER (WHERE t.kind = 'pay'), 0) AS paid, sum(e.money) AS remaining
    FROM b CROSS JOIN lots r JOIN wallets_entry e ON e.lot_id = r.lot_id
    JOIN wallets_transaction t ON t.id = e.transaction_id
    GROUP BY 1, 2, 3
)
SELECT purchase_id, place, feature_id, sum(used) AS used, sum(expired) AS expired, sum(paid) AS paid,
    sum(remaining) AS remaining
FROM (
    TABLE movements
    UNION ALL
    SELECT o.purchase_id, c.place, NULL, 0, 0, 0, 0
    FROM (SELECT purchase_id, min(place) AS place FROM movements GROUP BY 1) o
    JOIN (SELECT {month_place_sql("e.month")} AS place FROM b CROSS JOIN wallets_breakagerate e
        WHERE e.seller_id = b.seller) c ON c.place > o.place
) steps
GROUP BY 1, 2, 3
"""  # noqa: S608

# For 5 % that is expected to stay unused, each 95 used recognize 5 more, as far as something is left.
ROWS = f"""
SELECT y.currency, y.place AS service, y.place AS booked, y.customer_id, 'purchase' AS source,
    y.purchase_id AS source_id, p.debit, p.credit, p.amount, 'credit_pack' AS kind, NULL::bigint AS plan_id,
    y.feature_id, NULL::bigint AS fee_id, y.pack_id, y.country, '' AS tax_name,
    NULL::numeric AS tax_rate, '' AS method
FROM b CROSS JOIN (
    SELECT y.*, y.used_by - lag(y.used_by, 1, 0::numeric) OVER steps AS revenue,
        y.broken_by - y.used_by - lag(y.broken_by - y.used_by, 1, 0::numeric) OVER steps AS breakage,
        y.gone_by - y.broken_by - lag(y.gone_by - y.broken_by, 1, 0::numeric) OVER steps AS payment
    FROM (
        SELECT z.*, round(z.used * z.units) / z.units AS used_by,
            round((z.used + z.expired + z.ahead) * z.units) / z.units AS broken_by,
            round((z.used + z.expired + z.ahead + z.paid) * z.units) / z.units AS gone_by
        FROM (
            SELECT v.*, CASE WHEN v.percent IS NULL THEN 0
                ELSE greatest(least(v.used * v.percent / (100 - v.percent), v.remaining), 0) END AS ahead
            FROM (
                SELECT m.purchase_id, m.place, m.feature_id, u.currency, w.customer_id, u.pack_id,
                    i.buyer_facts->>'country' AS country, {units_sql("u.currency")} AS units,
                    sum(m.used) OVER steps AS used, sum(m.expired) OVER steps AS expired,
                    sum(m.paid) OVER steps AS paid, sum(m.remaining) OVER steps AS remaining,
                    (SELECT e.percent FROM wallets_breakagerate e
                        WHERE e.seller_id = b.seller AND (e.pack_id IS NULL OR e.pack_id = u.pack_id)
                            AND e.month <= b.months[m.place]
                        ORDER BY e.pack_id NULLS LAST, e.month DESC, e.id DESC LIMIT 1) AS percent
                FROM b CROSS JOIN ({_STEPS}) m
                JOIN wallets_purchase u ON u.id = m.purchase_id JOIN wallets_wallet w ON w.id = u.wallet_id
                JOIN invoices_invoice i ON i.id = u.invoice_id
                WINDOW steps AS (PARTITION BY m.purchase_id ORDER BY m.place, m.feature_id NULLS LAST)
            ) v
        ) z
    ) y
    WINDOW steps AS (PARTITION BY y.purchase_id ORDER BY y.place, y.feature_id NULLS LAST)
) y
CROSS JOIN LATERAL (
    VALUES ('prepaid', 'revenue', y.revenue), ('prepaid', 'breakage', y.breakage), ('prepaid', 'discounts', y.payment)
) AS p(debit, credit, amount)
WHERE p.amount <> 0 AND y.place BETWEEN b.low AND b.high
"""  # noqa: S608
