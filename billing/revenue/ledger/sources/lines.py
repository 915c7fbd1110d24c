"""
Postings of invoiced lines: deferred or unbilled revenue, and its recognition.

A line that credits a fee or usage after the fact has a schedule of its own, with a negative amount, like every line
below zero. A credit by staff is a change of price instead: contra_lines.py.
"""

from billing.revenue.ledger.sources import place_sql
from billing.revenue.ledger.sources.schedules import SCHEDULES, share_sql

IS_CONTRA = """
    (l.document = 'credit_note' AND l.kind = 'credit' AND NOT EXISTS (
        SELECT FROM invoices_invoice r WHERE r.corrects_id = l.corrects_id AND r.kind = 'invoice'))
"""
"""
Whether a line `l` of a document is a credit by staff; the credits of a replaced invoice follow from its replacement.
"""

# Amounts of invoices that include tax: a line's net is the rounded increase of the running net, so that the nets add
# up to the invoice's; the last line takes the rest that rounding the tax by rate leaves.
_NETS = """
SELECT l.*, CASE WHEN NOT l.includes_tax THEN CASE WHEN l.document = 'credit_note' THEN -1 ELSE 1 END
        * (l.amount - l.discount)
    ELSE CASE WHEN l.document = 'credit_note' THEN -1 ELSE 1 END * (
        round(sum((l.amount - l.discount) * 100 / (100 + l.tax_rate)) OVER running * l.units) / l.units
        - coalesce(round(sum((l.amount - l.discount) * 100 / (100 + l.tax_rate)) OVER before * l.units) / l.units, 0)
        + CASE WHEN l.position = max(l.position) OVER whole THEN l.invoice_net
            - round(sum((l.amount - l.discount) * 100 / (100 + l.tax_rate)) OVER whole * l.units) / l.units
            ELSE 0 END)
    END AS net, round(l.discount * 100 / (100 + l.tax_rate) * l.units) / l.units AS net_discount
FROM ({schedules}) l
"""
_WINDOWS = """
WINDOW running AS (PARTITION BY l.invoice_id ORDER BY l.position),
    before AS (PARTITION BY l.invoice_id ORDER BY l.position
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
    whole AS (PARTITION BY l.invoice_id)
"""

# Without the windows, which sort all lines, for the sellers whose prices are before tax.
_PLAIN_NETS = """
SELECT l.*, CASE WHEN l.document = 'credit_note' THEN l.discount - l.amount ELSE l.amount - l.discount END AS net,
    l.discount AS net_discount
FROM ({schedules} AND NOT i.includes_tax) l
"""
NETS = (
    _PLAIN_NETS.format(schedules=SCHEDULES)
    + "UNION ALL"
    + (_NETS + _WINDOWS).format(schedules=SCHEDULES + " AND i.includes_tax")
)
"""
All lines with schedules, `net`, which is after coupons and before tax and below zero on a credit note, and the part
of the coupons before tax.
"""

PLACES = f"""
    least({place_sql("l.earned_from")}, {place_sql("l.earned_to - interval '1 microsecond'")}) AS first,
    {place_sql("l.earned_to - interval '1 microsecond'")} AS last
"""
"""The places of the months in which the schedule of a line `l` begins and ends."""

ROWS = f"""
SELECT s.currency, p.service, p.booked, s.customer_id, 'line' AS source, s.id AS source_id, p.debit, p.credit,
    p.amount, s.kind, s.plan_id, s.feature_id, s.fee_id, s.pack_id, s.country, '' AS tax_name,
    NULL::numeric AS tax_rate, '' AS method
FROM b CROSS JOIN (
    SELECT l.*, {place_sql("l.issued_at")} AS issued, {PLACES}
    FROM b CROSS JOIN ({NETS}) l
    WHERE NOT {IS_CONTRA} AND {{customers}} AND {{changed}}
) s
CROSS JOIN LATERAL (
    SELECT k AS service, CASE WHEN k < s.issued THEN k ELSE s.issued END AS booked,
        CASE WHEN k < s.issued THEN 'unbilled' ELSE 'deferred' END AS debit, 'revenue' AS credit,
        (CASE WHEN k >= s.last AND s.last < b.last THEN s.net ELSE {share_sql("s.net", "b.ends[k]")} END)
        - (CASE WHEN k <= s.first THEN 0 ELSE {share_sql("s.net", "b.ends[k - 1]")} END) AS amount
    FROM generate_series(greatest(s.first, b.low), least(s.last, b.high)) AS k WHERE s.purchase_id IS NULL
    UNION ALL
    SELECT k, CASE WHEN k < s.issued THEN k ELSE s.issued END, 'discounts', 'revenue',
        {share_sql("s.net_discount", "b.ends[k]")}
        - (CASE WHEN k <= s.first THEN 0 ELSE {share_sql("s.net_discount", "b.ends[k - 1]")} END)
    FROM generate_series(greatest(s.first, b.low, b.discounts_from), least(s.last, b.high)) AS k
    WHERE s.net_discount <> 0 AND s.purchase_id IS NULL
    UNION ALL
    SELECT s.issued, s.issued, 'receivable', CASE WHEN s.purchase_id IS NULL THEN 'deferred' ELSE 'prepaid' END,
        s.net - a.accrued
    FROM (SELECT CASE WHEN s.purchase_id IS NOT NULL OR s.first >= s.issued THEN 0
        ELSE {share_sql("s.net", "b.ends[s.issued - 1]")} END AS accrued) a
    WHERE s.issued BETWEEN b.low AND b.high
    UNION ALL
    SELECT s.issued, s.issued, 'receivable', 'unbilled', {share_sql("s.net", "b.ends[s.issued - 1]")}
    WHERE s.purchase_id IS NULL AND s.first < s.issued AND s.issued BETWEEN b.low AND b.high
) p
WHERE p.amount <> 0
"""  # noqa: S608
