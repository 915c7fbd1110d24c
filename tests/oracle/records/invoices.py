"""Check invoices: the details of both parties, the dates, and the references of the lines."""

from billing.audit.check import Check
from billing.audit.records.invoices import BILLED_REFERENCE, CORRECTED, KIND, OF_NO_PERIOD, PERIOD, SECTION

OWN_PERIOD = r"substring(i.reference from '^(?:periods?|late|progress):(\d{1,18})')::bigint"

# Prices that include tax make an invoice that includes it; a credit note includes it as the invoice that it corrects.
_INCLUDED = f"""
    SELECT i.id AS invoice_id, i.includes_tax FROM invoices_invoice i WHERE i.includes_tax <> CASE {KIND}
        WHEN 'claim' THEN i.includes_tax
        WHEN 'voucher-usage' THEN EXISTS (SELECT FROM billing_voucherusage u
            WHERE u.invoice_id = i.id AND u.tax_point = 'included')
        WHEN 'credit' THEN (SELECT o.includes_tax FROM invoices_invoice o WHERE o.id = i.corrects_id)
        ELSE coalesce((SELECT v.prices_include_tax FROM billing_period p
            JOIN plans_planversion v ON v.id = p.version_id WHERE p.id = {OWN_PERIOD}), false) END
"""  # noqa: S608

# The party details on an invoice equal the party's row at some time; the history has each state of the row. After an
# erasure only the invoice still has the details, so they can't be compared.
_PARTIES = f"""
    SELECT i.id AS invoice_id, i.customer_id, i.seller_id, p.id AS period_id FROM invoices_invoice i {CORRECTED}
    LEFT JOIN customers_customer c ON c.id = i.customer_id LEFT JOIN customers_seller se ON se.id = i.seller_id
    LEFT JOIN billing_period p ON p.id = {PERIOD}
    LEFT JOIN billing_subscription s ON s.id = p.subscription_id
    WHERE c.id IS NULL OR se.id IS NULL OR (s.customer_id IS DISTINCT FROM i.customer_id AND NOT {OF_NO_PERIOD})
        OR s.currency <> i.currency OR c.sandbox <> i.sandbox
        OR NOT i.buyer_facts ?& ARRAY['external_id', 'legal_name', 'country', 'time_zone']
        OR NOT i.seller_facts ?& ARRAY['code', 'legal_name', 'country', 'time_zone']
        OR c.erased_at IS NULL AND NOT EXISTS (SELECT FROM customers_customerevent h
            WHERE h.pgh_obj_id = i.customer_id AND to_jsonb(h) @> i.buyer_facts)
        OR NOT EXISTS (SELECT FROM customers_sellerevent h
            WHERE h.pgh_obj_id = i.seller_id AND to_jsonb(h) @> i.seller_facts)
        OR (i.seller_facts ->> 'logo_id' IS NOT NULL AND NOT EXISTS (SELECT FROM customers_logo g
            WHERE g.sha256 = i.seller_facts ->> 'logo_id'))
"""  # noqa: S608

# An opening invoice bills fees due before the first period; an invoice for late usage bills the period in its
# reference.
_DATES = f"""
    WITH terms AS (
        SELECT pgh_obj_id AS seller_id, 0::bigint AS customer_id, net_days FROM customers_sellerevent
        UNION SELECT id, 0, net_days FROM customers_seller
        UNION SELECT 0, pgh_obj_id, net_days FROM customers_customerevent WHERE net_days IS NOT NULL
    ),
    billed AS (
        SELECT i.*, p.starts_at, p.ends_at, f.starts_at AS next_starts_at, f.ends_at AS next_ends_at,
            -- a cancellation has cut the first period short since, or the invoice was issued within the period
            coalesce(f.revision, 1) > 1 OR {BILLED_REFERENCE} LIKE 'progress:%' AS is_cut,
            {BILLED_REFERENCE} LIKE 'periods:%' AS is_joined -- see consolidated_invoices_span_their_sections
        FROM invoices_invoice i {CORRECTED} LEFT JOIN billing_period p ON p.id = {PERIOD}
        LEFT JOIN billing_period f ON p.kind = 'opening'
            AND (f.subscription_id, f.kind, f.starts_at) = (p.subscription_id, 'regular', p.ends_at)
    )
    SELECT id AS invoice_id, issued_at, issue_date, due_date, period_start, period_end FROM billed i
    WHERE i.state <> 'draft' AND (
        i.issue_date <> (i.issued_at AT TIME ZONE (i.seller_facts ->> 'time_zone'))::date
        OR i.created_at > i.issued_at OR (i.created_at < i.issued_at AND NOT EXISTS (
            SELECT FROM invoices_invoiceevent h WHERE h.pgh_obj_id = i.id AND h.state = 'draft'))
        OR NOT CASE i.kind WHEN 'credit_note' THEN i.due_date = i.issue_date AND i.net_days IS NULL ELSE EXISTS (
            SELECT FROM terms t WHERE (t.seller_id = i.seller_id OR t.customer_id = i.customer_id)
                AND i.due_date = i.issue_date + coalesce(i.net_days, t.net_days)) END
        OR (i.period_start <> coalesce(next_starts_at, i.starts_at) AND NOT is_joined)
        OR (i.period_end <> coalesce(next_ends_at, i.ends_at) AND NOT is_cut AND NOT is_joined))
"""  # noqa: S608

# Each kind of line has its own snapshot rows and references. A usage credit is for the same counter as the line that
# it credits.
_LINES = f"""
    SELECT l.id AS line_id, l.kind, l.invoice_id FROM invoices_line l
    JOIN invoices_invoice i ON i.id = l.invoice_id
    LEFT JOIN billing_billedusage b ON b.line_id = l.id
    LEFT JOIN billing_billedusage o ON o.line_id = l.corrects_line_id
    LEFT JOIN billing_settlement st ON st.line_id = l.id
    LEFT JOIN billing_period p ON p.id = coalesce(b.period_id, st.period_id)
    LEFT JOIN billing_subscription s ON s.id = p.subscription_id
    LEFT JOIN plans_planfeature f ON f.id = l.plan_feature_id
    LEFT JOIN billing_couponline cl ON cl.line_id = l.id
    WHERE CASE
        WHEN num_nonnulls(b.line_id, st.line_id, cl.line_id) > 1 THEN true
        WHEN l.kind = 'credit_pack' THEN num_nonnulls(b.line_id, st.line_id, cl.line_id) > 0
            OR num_nonnulls(l.plan_feature_id, l.rate_id, l.fee_id) > 0 OR i.reference !~ '^(purchase|voucher-usage):'
            OR (l.service_start, l.service_end) <> (i.period_start, i.period_end)
        WHEN l.kind = 'one_off' THEN num_nonnulls(b.line_id, st.line_id, cl.line_id) > 0
            OR num_nonnulls(l.plan_feature_id, l.rate_id, l.fee_id) > 0 OR i.reference NOT LIKE 'claim:%'
            OR l.service_start < i.period_start OR l.service_end > i.period_end
        WHEN l.kind IN ('credit', 'fee_credit') THEN b.line_id IS NOT NULL
            OR num_nonnulls(l.plan_feature_id, l.rate_id, l.fee_id) > 0
        WHEN l.kind = 'usage_credit' THEN b.corrects_line_id IS DISTINCT FROM l.corrects_line_id
            OR num_nonnulls(l.plan_feature_id, l.rate_id, l.fee_id) > 0
            OR (b.period_id, b.plan_feature_id, b.rate_id, b.window_start) IS DISTINCT FROM
                (o.period_id, o.plan_feature_id, o.rate_id, o.window_start)
        WHEN l.kind = 'coupon' THEN cl.line_id IS NULL OR num_nonnulls(l.plan_feature_id, l.rate_id, l.fee_id) > 0
            OR l.quantity <> 1 OR ((l.service_start, l.service_end) <> (i.period_start, i.period_end)
                AND i.reference NOT LIKE 'periods:%')
        WHEN l.kind IN ('fee', 'proration') THEN l.fee_id IS NULL
            OR num_nonnulls(b.line_id, st.line_id, cl.line_id) > 0
            OR l.plan_feature_id IS NOT NULL OR l.rate_id IS NOT NULL
        WHEN l.kind IN ('true_up', 'surcharge') THEN st.line_id IS NULL
            OR num_nonnulls(l.plan_feature_id, l.rate_id, l.fee_id) > 0 OR l.quantity <> 1
            OR s.customer_id IS DISTINCT FROM i.customer_id OR l.service_end IS DISTINCT FROM p.ends_at
            OR NOT EXISTS (SELECT FROM billing_period f WHERE f.subscription_id = p.subscription_id
                AND f.kind = 'regular' AND f.starts_at = l.service_start AND f.starts_at <= p.starts_at)
        ELSE b.line_id IS NULL OR b.corrects_line_id <> 0 OR l.fee_id IS NOT NULL
            OR l.plan_feature_id IS DISTINCT FROM b.plan_feature_id
            OR coalesce(l.rate_id, 0) <> greatest(b.rate_id, 0) & 1099511627775 -- a minimum or maximum has no rate
            OR f.version_id IS DISTINCT FROM p.version_id OR s.customer_id IS DISTINCT FROM i.customer_id
            OR l.service_start IS DISTINCT FROM p.starts_at
            OR l.service_end IS DISTINCT FROM CASE l.kind WHEN 'progressive' THEN i.period_end ELSE p.ends_at END
            OR b.window_start >= p.ends_at OR (b.window_start < p.starts_at AND NOT EXISTS (
                SELECT FROM plans_price r WHERE r.plan_feature_id = b.plan_feature_id AND r.resets_unit <> ''))
            OR (l.kind = 'usage') <> (i.reference = 'period:' || p.id
                OR i.reference LIKE 'period:' || p.id || ':reissue:%'
                OR EXISTS (SELECT FROM {SECTION} AND l.position BETWEEN z.first_line AND z.last_line))
            OR (l.kind = 'progressive') <> (i.reference LIKE 'progress:' || p.id || ':%') END
        OR (p.state = 'open' AND l.kind <> 'progressive')
"""  # noqa: S608

CHECKS = (
    Check("invoices_name_seller_and_buyer", "I3", _PARTIES),
    Check("invoices_are_dated_by_their_issue", "I3", _DATES),
    Check("invoices_include_tax_as_their_prices_do", "I1", _INCLUDED),
    Check("lines_equal_their_billed_usage", "I3", _LINES),
)
