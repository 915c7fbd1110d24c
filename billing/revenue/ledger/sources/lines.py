"""
Postings of invoiced lines: deferred or unbilled revenue, and its recognition.

A line that credits a fee or usage after the fact has a schedule of its own, with a negative amount, like every line
below zero. A credit by staff is a change of price instead: contra_lines.py.
"""

from billing.revenue.ledger.sources import last_place_sql, place_sql
from billing.revenue.ledger.sources.line_choices import LineChoice
from billing.revenue.ledger.sources.schedules import QUICK, SCHEDULES, share_sql

IS_CONTRA = "(l.document = 'credit_note' AND l.kind = 'credit' AND l.replacement_id IS NULL)"
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
_PLAIN = _PLAIN_NETS.format(schedules=SCHEDULES)
_INCLUSIVE = (_NETS + _WINDOWS).format(schedules=SCHEDULES.format(lines="{invoice_lines}") + " AND i.includes_tax")
_CHOSEN_NETS = f"{_PLAIN} UNION ALL {_INCLUSIVE}"


def nets_sql(choice: LineChoice) -> str:
    """
    Return the SELECT of chosen lines with schedules, `net`, which is after coupons and before tax and below zero on a
    credit note, and `net_discount`, the part of the coupons before tax.
    """
    return _CHOSEN_NETS.format(**choice._asdict())


PLACES = f"""
    CASE WHEN l.earned_from < l.earned_to THEN {place_sql("l.earned_from")} ELSE {last_place_sql("l.earned_to")} END
        AS first,
    {last_place_sql("l.earned_to")} AS last
"""
"""The places of the months in which the schedule of a line `l` begins and ends."""

# OFFSET keeps a subquery apart from the one around it, so that its columns are computed once for each line; as text
# it is a constant at once, which doesn't keep parallel workers away. Lines that neither earn nor are issued in the
# months are left out before.
_LINES = f"""
SELECT l.*, {place_sql("l.issued_at")} AS issued, {PLACES}, {QUICK}
FROM b CROSS JOIN ({{nets}}) l
WHERE NOT {IS_CONTRA} AND {{{{customers}}}} AND {{{{changed}}}}
    AND (b.low = 1 OR greatest(l.earned_to, l.issued_at) >= b.ends[b.low - 1])
    AND (b.high = b.last OR least(l.earned_from, l.issued_at) <= b.ends[b.high])
OFFSET '0'
"""  # noqa: S608

# A line has a row for each month in which it earns, whose places are k; after them, one for its issue if that is in
# these months, and one more if a part of it was unbilled until then. So one pass over the lines gives all rows. Of an
# array the planner expects ten rows, of a series a thousand, which it would not let parallel workers add up.
_NUMBERED = f"""
SELECT s.*, unnest(b.places[s.low : s.high + CASE WHEN s.issued NOT BETWEEN b.low AND b.high THEN 0
    WHEN s.accrues THEN 2 ELSE 1 END]) AS k
FROM b CROSS JOIN (
    SELECT l.*, greatest(l.first, b.low) AS low, l.purchase_id IS NULL AND l.first < l.issued AS accrues,
        CASE WHEN l.purchase_id IS NULL THEN greatest(least(l.last, b.high), greatest(l.first, b.low) - 1)
            ELSE greatest(l.first, b.low) - 1 END AS high
    FROM b CROSS JOIN ({_LINES}) l
) s
"""  # noqa: S608


def _earned_by(place: str) -> str:
    """Return the SQL for the part of a line `s` that is earned by the end of a month."""
    return (
        f"CASE WHEN {place} < s.first THEN 0 WHEN {place} >= s.last AND s.last < b.last THEN s.net"
        f" ELSE {share_sql('s.net', f'b.ends[{place}]', quickly=f'b.seconds[{place}]')} END"
    )


_ROWS = f"""
SELECT s.currency, CASE WHEN s.k <= s.high THEN s.k ELSE s.issued END AS service,
    CASE WHEN s.k <= s.high THEN least(s.k, s.issued) ELSE s.issued END AS booked, s.customer_id,
    'line' AS source, s.id AS source_id,
    CASE WHEN s.k > s.high THEN 'receivable' WHEN s.k < s.issued THEN 'unbilled' ELSE 'deferred' END AS debit,
    CASE WHEN s.k <= s.high THEN 'revenue' WHEN s.k = s.high + 2 THEN 'unbilled'
        WHEN s.purchase_id IS NULL THEN 'deferred' ELSE 'prepaid' END AS credit,
    CASE WHEN s.k <= s.high THEN {_earned_by("s.k")} - ({_earned_by("s.k - 1")})
        WHEN NOT s.accrues THEN s.net
        WHEN s.k = s.high + 1 THEN s.net - ({_earned_by("s.issued - 1")})
        ELSE {_earned_by("s.issued - 1")} END AS amount,
    s.kind, s.plan_id, s.feature_id, s.fee_id, s.pack_id, s.country, '' AS tax_name, NULL::numeric AS tax_rate,
    '' AS method
FROM b CROSS JOIN ({_NUMBERED}) s
"""  # noqa: S608

# Apart from each other, since parallel workers can read the first ones, but compute no windows.
ROWS = _ROWS.format(nets=_PLAIN)
INCLUSIVE_ROWS = _ROWS.format(nets=_INCLUSIVE)
"""Lines of prices before tax, and of prices that include it."""

DISCOUNT_ROWS = f"""
SELECT s.currency, s.k AS service, least(s.k, s.issued) AS booked, s.customer_id, 'line' AS source,
    s.id AS source_id, 'discounts' AS debit, 'revenue' AS credit,
    {share_sql("s.net_discount", "b.ends[s.k]")} - (CASE WHEN s.k <= s.first THEN 0
        ELSE {share_sql("s.net_discount", "b.ends[s.k - 1]")} END) AS amount,
    s.kind, s.plan_id, s.feature_id, s.fee_id, s.pack_id, s.country, '' AS tax_name, NULL::numeric AS tax_rate,
    '' AS method
FROM b CROSS JOIN (
    SELECT l.*, generate_series(greatest(l.first, b.low, b.discounts_from), least(l.last, b.high)) AS k
    FROM b CROSS JOIN ({_LINES.format(nets=_CHOSEN_NETS)}) l
    WHERE l.net_discount <> 0 AND l.purchase_id IS NULL AND b.discounts_from <= b.high
) s
"""  # noqa: S608
"""The coupons of lines, for sellers who book them apart: docs/recognition.md."""
