"""Postings of the balances with which a seller's books begin."""

from billing.revenue.ledger.sources import month_place_sql

ROWS = f"""
SELECT o.currency, t.place AS service, t.place AS booked, 0::bigint AS customer_id, 'opening' AS source,
    o.id AS source_id, o.role AS debit, 'opening' AS credit, o.amount, '' AS kind, NULL::bigint AS plan_id,
    NULL::bigint AS feature_id, NULL::bigint AS fee_id, NULL::bigint AS pack_id, '' AS country, '' AS tax_name,
    NULL::numeric AS tax_rate, '' AS method
FROM b CROSS JOIN billing_openingbalance o CROSS JOIN LATERAL (SELECT {month_place_sql("o.month")} AS place) t
WHERE o.seller_id = b.seller AND o.amount <> 0 AND t.place BETWEEN b.low AND b.high AND {{customers}} AND {{changed}}
"""  # noqa: S608
