"""Check invoices: each bills its period once, equals the sum of its rows, and is credited up to its amount."""

from collections.abc import Iterable

from billing.audit.check import Check, Row
from billing.audit.shared_reads import Books
from invoices.amounts.line_net import line_net_sql

# The period id in a reference, such as period:12, period:12:reissue:1 and late:12:3456; NULL for other forms. A
# credit note belongs to the period of the invoice that it corrects. A consolidated invoice, periods:12, has its first
# period's id.
PERIOD = (
    r"substring(CASE i.kind WHEN 'credit_note' THEN o.reference ELSE i.reference END"
    r" from '^(?:periods?:(?=\d{1,18}(?::reissue:\d{1,9})?$)|(?:late|progress):(?=\d{1,18}:\d{1,18}$))(\d+)')::bigint"
)
REPLACED = "EXISTS (SELECT FROM invoices_invoice r WHERE r.corrects_id = i.id AND r.kind = 'invoice')"
CORRECTED = "LEFT JOIN invoices_invoice o ON o.id = i.corrects_id"
MARK = r"substring(i.reference from '^late:\d{1,18}:(\d{1,18})$')::bigint"
SECTION = "invoices_section z WHERE z.invoice_id = i.id AND z.reference = 'period:' || p.id"
KIND = "split_part(i.reference, ':', 1)"
BILLED_REFERENCE = "(CASE i.kind WHEN 'credit_note' THEN o.reference ELSE i.reference END)"
OF_NO_PERIOD = f"({BILLED_REFERENCE} ~ '^(purchase|claim|voucher-usage):')"

_ONCE = f"""
    SELECT p.id AS period_id, p.invoice_id, i.reference FROM billing_period p
    JOIN invoices_invoice i ON i.id = p.invoice_id
    JOIN billing_subscription s ON s.id = p.subscription_id
    WHERE (i.reference <> 'period:' || p.id AND i.reference NOT LIKE 'period:' || p.id || ':reissue:%'
            AND NOT EXISTS (SELECT FROM {SECTION}))
        OR (i.customer_id, i.seller_id) <> (s.customer_id, s.seller_id)
    UNION ALL
    SELECT p.id, i.id, i.reference FROM invoices_invoice i {CORRECTED}
    LEFT JOIN billing_period p ON p.id = {PERIOD}
    LEFT JOIN (
        SELECT id, count(*) FILTER (WHERE kind = 'invoice') OVER (
            PARTITION BY split_part(reference, ':', 2) ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS earlier FROM invoices_invoice WHERE reference LIKE 'period:%'
    ) of_period ON of_period.id = i.id
    WHERE CASE {KIND}
        WHEN 'period' THEN (p.invoice_id IS NOT DISTINCT FROM i.id) = {REPLACED}
            OR i.reference <> 'period:' || p.id || coalesce(':reissue:' || nullif(of_period.earlier, 0), '')
        WHEN 'periods' THEN i.kind <> 'invoice' OR {REPLACED} -- see the sections' own checks
        WHEN 'late' THEN p.id IS NULL OR p.state <> 'closed' OR EXISTS (
            SELECT FROM invoices_line l LEFT JOIN billing_billedusage b ON b.line_id = l.id
            WHERE l.invoice_id = i.id AND (b.period_id, b.high_water_mark) IS DISTINCT FROM
                (p.id, {MARK}))
        WHEN 'credit' THEN i.kind <> 'credit_note' OR (p.id IS NULL AND NOT {OF_NO_PERIOD})
        WHEN 'purchase' THEN i.kind <> 'invoice' -- see paid_purchases_are_granted_once
        WHEN 'voucher-usage' THEN i.kind <> 'invoice' OR NOT EXISTS (SELECT FROM billing_voucherusage u
            WHERE u.invoice_id = i.id AND i.reference = 'voucher-usage:' || u.id)
        WHEN 'progress' THEN p.id IS NULL OR i.kind <> 'invoice' OR split_part(i.reference, ':', 3) <> (
                SELECT count(*)::text FROM invoices_invoice e
                WHERE e.reference LIKE 'progress:' || p.id || ':%' AND e.id <= i.id)
            OR EXISTS (SELECT FROM invoices_line l LEFT JOIN billing_billedusage b ON b.line_id = l.id
                WHERE l.invoice_id = i.id AND (b.period_id IS DISTINCT FROM p.id OR l.kind <> 'progressive'))
        WHEN 'claim' THEN i.kind <> 'invoice' OR i.reference <> 'claim:' || i.id
        ELSE true END
"""  # noqa: S608

_TOTALS = """
    SELECT i.id AS invoice_id, i.net, l.net AS lines, i.tax, t.tax AS taxes, i.total FROM invoices_invoice i
    LEFT JOIN LATERAL (SELECT sum(amount) AS net, bool_and(currency = i.currency) AS same, count(*) AS lines,
        sum(amount * coalesce(jsonb_array_length(taxes), 1)) AS taxable,
        count(DISTINCT position) AS positions, max(position) AS last FROM invoices_line WHERE invoice_id = i.id
    ) l ON true
    LEFT JOIN LATERAL (SELECT sum(amount) AS tax, sum(taxable) AS taxable, bool_and(currency = i.currency) AS same
        FROM invoices_invoicetax WHERE invoice_id = i.id) t ON true
    WHERE CASE WHEN i.includes_tax THEN i.total ELSE i.net END <> coalesce(l.net, 0)
        OR i.tax <> coalesce(t.tax, 0) OR i.total <> i.net + i.tax
        OR (NOT i.includes_tax AND coalesce(t.taxable, 0) <> coalesce(l.taxable, 0))
        OR NOT coalesce(l.same, true) OR NOT coalesce(t.same, true)
        OR (i.state <> 'draft' AND l.lines = 0) OR l.positions <> l.lines OR l.last <> l.lines
"""

# The net amounts by tax, from the lines. A line without taxes of its own has the invoice's only tax.
_TAXABLE = """
    WITH under AS (
        SELECT l.invoice_id, l.tax_rate AS rate, NULL AS name, NULL AS reason, sum(l.amount) AS net
        FROM invoices_line l WHERE l.taxes IS NULL GROUP BY 1, 2
        UNION ALL
        SELECT l.invoice_id, (t ->> 1)::numeric, t ->> 0, t ->> 2, sum(l.amount)
        FROM invoices_line l CROSS JOIN jsonb_array_elements(l.taxes) t GROUP BY 1, 2, 3, 4
    ),
    taxed AS (
        SELECT t.* FROM invoices_invoicetax t JOIN invoices_invoice i ON i.id = t.invoice_id WHERE NOT i.includes_tax
    )
    SELECT coalesce(t.invoice_id, u.invoice_id) AS invoice_id, coalesce(t.rate, u.rate) AS rate, t.taxable,
        u.net AS lines
    FROM taxed t FULL JOIN under u ON (u.invoice_id, u.rate) = (t.invoice_id, t.rate)
        AND coalesce(u.name, t.name) = t.name AND coalesce(u.reason, t.reason) = t.reason
    LEFT JOIN invoices_invoice i ON i.id = u.invoice_id
    WHERE t.taxable IS DISTINCT FROM u.net AND i.includes_tax IS NOT TRUE
"""


# A counter has one usage line, on its period's invoice that has not been replaced; all later lines are for late
# usage. Each of these lines has a snapshot, from which it is rated again.
_TWICE = f"""
    SELECT b.period_id, b.plan_feature_id, b.rate_id, count(*) AS lines FROM billing_billedusage b
    JOIN invoices_line l ON l.id = b.line_id JOIN invoices_invoice i ON i.id = l.invoice_id
    WHERE b.corrects_line_id = 0 AND NOT {REPLACED} GROUP BY 1, 2, 3, b.window_start
    HAVING count(*) FILTER (WHERE l.kind = 'usage') > 1
        OR min(b.high_water_mark) FILTER (WHERE l.kind = 'usage')
            > min(b.high_water_mark) FILTER (WHERE l.kind <> 'progressive')
    UNION ALL
    SELECT NULL, l.plan_feature_id, l.rate_id, 1 FROM invoices_line l
    WHERE l.kind IN ('usage', 'late_usage', 'progressive')
        AND NOT EXISTS (SELECT FROM billing_billedusage b WHERE b.line_id = l.id)
"""  # noqa: S608

_CREDITED = """
    SELECT i.id AS invoice_id, i.state, i.total, i.credited, n.total AS notes FROM invoices_invoice i
    LEFT JOIN (
        SELECT corrects_id, sum(total) AS total FROM invoices_invoice WHERE kind = 'credit_note' GROUP BY 1
    ) n ON n.corrects_id = i.id
    WHERE i.credited <> coalesce(n.total, 0) OR i.credited > i.total
        OR (i.state = 'void' AND (n.total IS NULL OR n.total <> i.total))
        OR (i.state IN ('issued', 'overdue') AND n.total = i.total)
"""

_OVERCREDITED = f"""
    SELECT l.id AS line_id, l.invoice_id FROM invoices_line l
    JOIN (SELECT corrects_line_id, sum(amount) AS amount FROM invoices_line GROUP BY 1) c ON c.corrects_line_id = l.id
    WHERE NOT c.amount BETWEEN least(0, {line_net_sql("l")}) AND greatest(0, {line_net_sql("l")})
"""  # noqa: S608

_COUPONS = """
    SELECT c.id AS coupon_id, c.code, c.redeemed, r.times FROM plans_coupon c
    LEFT JOIN LATERAL (SELECT count(*) AS times FROM billing_redemption WHERE coupon_id = c.id) r ON true
    WHERE c.redeemed <> r.times OR c.redeemed > c.most_redemptions
    UNION ALL
    SELECT r.coupon_id, p.code, p.redeemed, count(r.id) FROM plans_promotioncode p
    LEFT JOIN billing_redemption r ON r.promotion_code_id = p.id
    GROUP BY r.coupon_id, p.id HAVING p.redeemed <> count(r.id) OR bool_or(r.coupon_id <> p.coupon_id)
"""

# Cumulative, because an amount that a coupon period leaves may carry over to the next one.
_SHARED_COUPONS = """
    SELECT * FROM (
        SELECT t.redemption_id, t.coupon_period, t.amount, c.amount AS most, c.carries_over,
            sum(t.amount) OVER (PARTITION BY t.redemption_id ORDER BY t.coupon_period) AS total
        FROM (
            SELECT k.redemption_id, k.coupon_period, -sum(l.amount) AS amount FROM billing_couponline k
            JOIN invoices_line l ON l.id = k.line_id JOIN billing_period p ON p.id = k.period_id
            WHERE k.coupon_period IS NOT NULL AND p.kind <> 'undone' GROUP BY 1, 2
        ) t JOIN billing_redemption r ON r.id = t.redemption_id JOIN plans_coupon c ON c.id = r.coupon_id
        WHERE c.amount IS NOT NULL
    ) s WHERE CASE WHEN carries_over THEN total > most * (coupon_period + 1) ELSE amount > most END
"""


def _rerated(books: Books) -> Iterable[Row]:
    return books.rerating.wrong


def _describe_lines_without_events(books: Books) -> str:
    count = books.rerating.without_events
    return (
        f"{count:,} lines are not rated again: their price charges by each event, and the events have left."
        if count
        else ""
    )


CHECKS = (
    Check("periods_are_billed_by_one_invoice", "P3", _ONCE),
    Check("usage_is_billed_once", "P3", _TWICE),
    Check("invoices_equal_the_sum_of_their_lines_and_taxes", "I1", _TOTALS),
    Check("taxable_amounts_equal_the_sum_of_their_lines", "I1", _TAXABLE),
    Check("coupon_redemptions_equal_their_count", "I1", _COUPONS),
    Check("customer_coupons_take_no_more_than_their_amount", "I1", _SHARED_COUPONS),
    Check("usage_lines_have_the_same_amount_when_rated_again", "E6", _rerated, note=_describe_lines_without_events),
    Check("invoices_are_not_credited_beyond_their_total", "I6", _CREDITED),
    Check("lines_are_not_credited_beyond_their_net_amount", "I6", _OVERCREDITED),
)
