"""Check credit notes: their parties, the lines that they credit, and the taxes."""

from billing.audit.check import Check
from invoices.amounts.line_net import line_net_sql
from invoices.amounts.line_taxes import line_taxes_sql

_NOTES = """
    SELECT n.id AS invoice_id, n.corrects_id, n.reference FROM (
        SELECT *, row_number() OVER (PARTITION BY corrects_id ORDER BY id) AS place FROM invoices_invoice
        WHERE kind = 'credit_note'
    ) n
    LEFT JOIN invoices_invoice i ON i.id = n.corrects_id AND i.kind = 'invoice' AND i.state <> 'draft'
    WHERE (n.seller_id, n.customer_id, n.currency, n.sandbox, n.seller_facts, n.buyer_facts) IS DISTINCT FROM
            (i.seller_id, i.customer_id, i.currency, i.sandbox, i.seller_facts, i.buyer_facts)
        OR (n.period_start, n.period_end) IS DISTINCT FROM (i.period_start, i.period_end)
        OR n.reference IS DISTINCT FROM 'credit:' || i.id || ':' || n.place OR n.issued_at < i.issued_at
        OR n.credited <> 0
    UNION ALL
    SELECT i.id, i.corrects_id, i.reference FROM invoices_invoice i
    LEFT JOIN invoices_invoice o ON o.id = i.corrects_id
    WHERE i.kind = 'invoice' AND ((o.id IS NOT NULL) <> (i.reference LIKE 'period:%:reissue:%')
        OR (i.reason <> '' AND o.id IS NULL)
        OR (o.id IS NOT NULL AND (o.state IN ('issued', 'overdue') OR o.credited <> o.total
            OR split_part(i.reference, ':', 2) <> split_part(o.reference, ':', 2)
            -- an invoice reissued by staff has a reason, and the party details of that time
            OR (i.seller_id, i.customer_id, i.currency) <> (o.seller_id, o.customer_id, o.currency)
            OR (i.reason = '' AND (i.seller_facts, i.buyer_facts) IS DISTINCT FROM (o.seller_facts, o.buyer_facts)))))
"""

_LINES = f"""
    SELECT c.id AS line_id, c.invoice_id, c.corrects_line_id FROM invoices_line c
    JOIN invoices_invoice n ON n.id = c.invoice_id LEFT JOIN invoices_line l ON l.id = c.corrects_line_id
    WHERE (n.kind = 'credit_note') <> (c.corrects_line_id IS NOT NULL)
        OR (n.kind = 'credit_note' AND (l.invoice_id, {line_taxes_sql("l")}, l.description)
            IS DISTINCT FROM (n.corrects_id, {line_taxes_sql("c")}, c.description))
        -- a fee is credited for the part of its time that is no longer served
        OR CASE c.kind WHEN 'fee_credit' THEN c.service_start < l.service_start OR c.service_end > l.service_end
            OR c.service_start >= c.service_end
            ELSE (l.service_start, l.service_end) <> (c.service_start, c.service_end) END
        OR c.kind = 'fee_credit' AND (c.quantity <> 1 OR c.explanation - ARRAY['fee', 'share', 'included', 'segments',
            'formula', 'cumulative', 'claimed_before', 'net_before', 'given_before', 'left'] <> '{{}}'
            OR c.amount > coalesce(
                (c.explanation ->> 'claimed_before')::numeric - (c.explanation ->> 'cumulative')::numeric, 0))
        OR NOT c.explanation ? 'cumulative' AND c.kind IN ('credit', 'usage_credit')
            AND (c.quantity <> 1 OR c.explanation <>
            jsonb_build_object('formula', trim_scale(c.amount)::text, 'of', trim_scale({line_net_sql("l")})::text))
        OR (c.explanation ? 'cumulative' AND c.kind = 'credit')
"""  # noqa: S608

_TAXES = """
    SELECT t.id AS tax_id, t.invoice_id, t.rate, t.reason FROM invoices_invoicetax t
    JOIN invoices_invoice n ON n.id = t.invoice_id AND n.kind = 'credit_note'
    WHERE NOT EXISTS (
        SELECT FROM invoices_invoicetax o WHERE o.invoice_id = n.corrects_id
            AND (o.name, o.rate, o.reason) = (t.name, t.rate, t.reason))
"""

CHECKS = (
    Check("credit_notes_name_the_parties_of_their_invoice", "I6", _NOTES),
    Check("credits_name_the_credited_line", "I6", _LINES),
    Check("credits_are_taxed_like_the_credited_line", "I6", _TAXES),
)
