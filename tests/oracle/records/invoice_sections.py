"""Check consolidated invoices: the sections and their lines."""

from billing.audit.check import Check

_OF = r"substring(z.reference from '^period:(\d{1,18})$')::bigint"

# Sections follow one another without a gap, in the order of their names. A section has a name that its subscription
# had at some time; after an erasure only the invoice still has the name, so it can't be compared.
_SECTIONS = f"""
    SELECT z.id AS section_id, z.invoice_id, z.reference FROM (
        SELECT *, row_number() OVER of_document AS place, lag(last_line, 1, 0) OVER of_document AS before,
            lead(position) OVER of_document IS NULL AS is_last
        FROM invoices_section WINDOW of_document AS (PARTITION BY invoice_id ORDER BY position)
    ) z
    LEFT JOIN invoices_invoice i ON i.id = z.invoice_id LEFT JOIN billing_period p ON p.id = {_OF}
    LEFT JOIN billing_subscription s ON s.id = p.subscription_id
    LEFT JOIN customers_customer c ON c.id = s.customer_id
    WHERE i.id IS NULL OR p.invoice_id IS DISTINCT FROM i.id OR i.kind <> 'invoice'
        OR i.reference NOT LIKE 'periods:%'
        OR (s.customer_id, s.currency) IS DISTINCT FROM (i.customer_id, i.currency)
        OR z.position <> z.place OR z.first_line <> z.before + 1 OR z.last_line < z.first_line
        OR z.is_last AND z.last_line <> (SELECT count(*) FROM invoices_line l WHERE l.invoice_id = i.id)
        OR z.place = 1 AND i.reference <> 'periods:' || p.id
        OR c.erased_at IS NULL AND NOT EXISTS (SELECT FROM billing_subscriptionevent h
            WHERE h.pgh_obj_id = s.id AND h.external_id = z.name)
"""  # noqa: S608

_OWN = f"""
    SELECT l.id AS line_id, l.invoice_id, z.reference FROM invoices_section z
    JOIN invoices_line l ON l.invoice_id = z.invoice_id AND l.position BETWEEN z.first_line AND z.last_line
    LEFT JOIN billing_period p ON p.id = {_OF}
    LEFT JOIN billing_billedusage b ON b.line_id = l.id LEFT JOIN billing_settlement t ON t.line_id = l.id
    LEFT JOIN billing_couponline k ON k.line_id = l.id
    LEFT JOIN billing_period bills ON bills.id = coalesce(b.period_id, t.period_id, k.period_id)
    WHERE bills.subscription_id <> p.subscription_id OR (k.line_id IS NOT NULL AND k.period_id <> p.id)
        OR (l.kind = 'coupon' AND (l.service_start <> p.starts_at
            OR l.service_end <> p.ends_at AND p.kind <> 'opening'))
"""  # noqa: S608

# An invoice spans the time of all its sections, and a credit note the time of its invoice. The end of a first period
# that was paid in advance may have moved since; then the fee lines have the original end.
_SPANS = f"""
    WITH spans AS (
        SELECT z.invoice_id, min(p.starts_at) AS starts_at, max(coalesce(f.ends_at, p.ends_at)) AS ends_at,
            bool_or(coalesce(f.revision, 1) > 1) AS is_cut, count(*) AS sections
        FROM invoices_section z LEFT JOIN billing_period p ON p.id = {_OF}
        LEFT JOIN billing_period f ON p.kind = 'opening'
            AND (f.subscription_id, f.kind, f.starts_at) = (p.subscription_id, 'regular', p.ends_at)
        GROUP BY 1
    )
    SELECT i.id AS invoice_id, i.period_start, i.period_end FROM invoices_invoice i
    LEFT JOIN invoices_invoice o ON o.id = i.corrects_id AND i.kind = 'credit_note'
    LEFT JOIN spans n ON n.invoice_id = coalesce(o.id, i.id)
    WHERE coalesce(o.reference, i.reference) LIKE 'periods:%' AND (n.sections IS NULL OR n.sections < 2
        OR i.period_start <> n.starts_at OR (i.period_end <> n.ends_at AND NOT (n.is_cut AND NOT EXISTS (
            SELECT FROM invoices_line l JOIN plans_fee f ON f.id = l.fee_id AND f.every = 1
            WHERE l.invoice_id = n.invoice_id HAVING max(l.service_end) <> i.period_end))))
"""  # noqa: S608

CHECKS = (
    Check("invoice_sections_match_the_billed_periods", "P3", _SECTIONS),
    Check("lines_are_listed_under_their_subscription", "I3", _OWN),
    Check("consolidated_invoices_span_their_sections", "I3", _SPANS),
)
