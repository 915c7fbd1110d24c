"""
The schedule of every line: when its net amount is earned. Source: docs/recognition.md#schedules.

A line is earned evenly over [earned_from, earned_to), or, if both are equal, at that instant, which belongs to the
month that ends there.
"""

from billing.revenue.ledger.sources import rounded_sql, units_sql

_AT_END = """
(l.kind IN ('usage', 'late_usage', 'usage_credit', 'true_up', 'surcharge') OR u.id IS NULL AND l.kind = 'credit_pack')
"""
_AT_ONCE = "(f.recognition = 'once' OR l.service_end <= l.service_start)"

# Usage of an invoiced period is earned at the period's end, unless an accrual moves it to earlier months; usage that
# a threshold invoiced has happened by then. A microsecond keeps an instant at a month's start out of the month
# before.
SCHEDULES = f"""
SELECT l.id, l.invoice_id, l.kind, l.fee_id, l.corrects_line_id, i.kind AS document, i.currency, i.customer_id,
    i.issued_at, r.id AS replacement_id, i.includes_tax, i.total, i.net AS invoice_net, l.position,
    {units_sql("i.currency")} AS units, v.plan_id, pf.feature_id, u.pack_id, u.id AS purchase_id,
    i.buyer_facts->>'country' AS country, l.amount, coalesce(d.amount, 0) AS discount, l.tax_rate,
    coalesce(v.proration = 'day', false) AS by_day,
    CASE
        WHEN {_AT_END} THEN l.service_end
        WHEN l.kind = 'progressive' THEN least(i.issued_at, l.service_end)
        WHEN {_AT_ONCE} THEN l.service_start + interval '1 microsecond'
        ELSE l.service_start
    END AS earned_from,
    CASE
        WHEN {_AT_END} THEN l.service_end
        WHEN l.kind = 'progressive' THEN least(i.issued_at, l.service_end)
        WHEN {_AT_ONCE} THEN l.service_start + interval '1 microsecond'
        WHEN f.recognition = 'months' THEN (l.service_start AT TIME ZONE b.zone
            + make_interval(months => f.recognition_months)) AT TIME ZONE b.zone
        ELSE l.service_end
    END AS earned_to
FROM b CROSS JOIN LATERAL ({{lines}}) l
JOIN invoices_invoice i ON i.id = l.invoice_id AND i.seller_id = b.seller AND NOT i.sandbox AND i.state <> 'draft'
LEFT JOIN invoices_invoice r ON r.corrects_id = i.corrects_id AND r.kind = 'invoice' AND i.kind = 'credit_note'
LEFT JOIN (SELECT line_id, sum(amount) AS amount FROM invoices_discount GROUP BY 1) d ON d.line_id = l.id
LEFT JOIN plans_fee f ON f.id = l.fee_id
LEFT JOIN plans_planfeature pf ON pf.id = l.plan_feature_id
LEFT JOIN plans_planversion v ON v.id = coalesce(f.version_id, pf.version_id)
LEFT JOIN wallets_purchase u ON u.invoice_id = i.id AND l.kind = 'credit_pack'
WHERE l.kind <> 'coupon'
"""  # noqa: S608
"""
The lines of a seller's issued documents, but those of coupons, with their schedules.

lines: the table of lines, or a choice of its rows: see line_choices.py. amount, discount: of the line and of its
coupons. purchase_id: of a line that sells prepaid value, which is earned as the wallet's ledger says.
"""

# Floating point decides a share at once unless its minor units are within a thousandth of a half. Seconds are off by
# less than 1e-6 until the year 2200, so over a day and up to ten million minor units, the share is off by less.
QUICK = """
CASE WHEN NOT l.by_day AND l.earned_to - l.earned_from >= interval '1 day' AND l.earned_to < '2200-01-01'
    AND abs(l.net) * l.units <= 10000000 THEN (l.net * l.units)::float8 END AS minor_units,
CASE l.units WHEN 100 THEN 0.01 ELSE 1.0 / l.units END AS unit, date_part('epoch', l.earned_from) AS since,
date_part('epoch', l.earned_to) - date_part('epoch', l.earned_from) AS seconds
"""
"""The columns of a schedule `l` for quick shares; minor_units is NULL where they would be inexact."""


def share_sql(net: str, at: str, *, quickly: str = "") -> str:
    """
    Return the SQL for the part of an amount that a schedule `s` has earned by a time, rounded once.

    By the day, the days of the seller's calendar before the one of that time count.

    quickly: the time in seconds, for a schedule with `QUICK` columns; the exact division comes second then.
    """
    elapsed = (
        f"CASE WHEN s.by_day THEN (({at}) AT TIME ZONE b.zone)::date - (s.earned_from AT TIME ZONE b.zone)::date"
        f" ELSE extract(epoch FROM ({at}) - s.earned_from) * 1000000 END"
    )
    whole = (
        "CASE WHEN s.by_day THEN greatest((s.earned_to AT TIME ZONE b.zone)::date"
        " - (s.earned_from AT TIME ZONE b.zone)::date, 1)"
        " ELSE extract(epoch FROM s.earned_to - s.earned_from) * 1000000 END"
    )
    share = rounded_sql(f"({net}) * ({elapsed})", f"({whole})", "s.units")
    if quickly:
        near = f"s.minor_units * (({quickly} - s.since) / s.seconds)"
        quick = f"WHEN abs({near} - round({near})) < 0.499 THEN round({near})::bigint * s.unit"
    else:
        quick = ""
    return f"CASE WHEN ({at}) >= s.earned_to THEN {net} WHEN ({at}) <= s.earned_from THEN 0 {quick} ELSE {share} END"
