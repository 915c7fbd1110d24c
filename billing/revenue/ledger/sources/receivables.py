"""Postings of taxes, payments, customer balances and refunds: all that moves a receivable but lines."""

from billing.revenue.ledger.sources import place_sql

_NOTHING = """
    NULL::bigint AS plan_id, NULL::bigint AS feature_id, NULL::bigint AS fee_id, NULL::bigint AS pack_id
"""
_COLUMNS = """
    '' AS tax_name, NULL::numeric AS tax_rate, {method} AS method
"""

_METHOD_OF_ENTRY = "CASE WHEN e.kind = 'overpayment' THEN coalesce(a.provider, 'manual') ELSE '' END"

TAX_ROWS = f"""
SELECT i.currency, t.place AS service, t.place AS booked, i.customer_id, 'invoice' AS source, i.id AS source_id,
    CASE WHEN i.kind = 'credit_note' THEN 'tax' ELSE 'receivable' END AS debit,
    CASE WHEN i.kind = 'credit_note' THEN 'receivable' ELSE 'tax' END AS credit, x.amount, '' AS kind, {_NOTHING},
    i.buyer_facts->>'country' AS country, x.name AS tax_name, x.rate AS tax_rate, '' AS method
FROM b CROSS JOIN invoices_invoice i JOIN invoices_invoicetax x ON x.invoice_id = i.id AND x.amount <> 0
CROSS JOIN LATERAL (SELECT {place_sql("i.issued_at")} AS place) t
WHERE i.seller_id = b.seller AND NOT i.sandbox AND i.state <> 'draft' AND t.place BETWEEN b.low AND b.high
    AND {{customers}} AND {{changed}}
"""  # noqa: S608

# A transfer may arrive before its invoice is issued; it pays from then on. A payment from a wallet is a discount less
# the cost of the units that were bought, which their purchases post: free units carry no money.
PAYMENT_ROWS = f"""
SELECT i.currency, t.place AS service, t.place AS booked, i.customer_id, 'payment' AS source, p.id AS source_id,
    CASE p.method WHEN 'balance' THEN 'customer_balance' WHEN 'wallet' THEN 'discounts' ELSE 'cash' END AS debit,
    'receivable' AS credit, p.amount, '' AS kind, {_NOTHING}, i.buyer_facts->>'country' AS country,
    {_COLUMNS.format(method="p.method")}
FROM b CROSS JOIN invoices_payment p JOIN invoices_invoice i ON i.id = p.invoice_id
CROSS JOIN LATERAL (SELECT {place_sql("greatest(p.paid_at, i.issued_at)")} AS place) t
WHERE i.seller_id = b.seller AND NOT i.sandbox AND t.place BETWEEN b.low AND b.high AND {{customers}} AND {{changed}}
"""  # noqa: S608

# An amount applied to an invoice is a payment, which is posted as such. The rest of a note or an overpayment names
# its document; a payout and its failure don't.
BALANCE_ROWS = f"""
SELECT e.currency, t.place AS service, t.place AS booked, e.customer_id, 'balance' AS source, e.id AS source_id,
    CASE e.kind WHEN 'credit_note' THEN 'receivable' WHEN 'overpayment' THEN 'cash' ELSE 'refunds_payable' END
    AS debit, 'customer_balance' AS credit, e.amount, '' AS kind, {_NOTHING},
    coalesce(i.buyer_facts->>'country', c.country) AS country, {_COLUMNS.format(method=_METHOD_OF_ENTRY)}
FROM b CROSS JOIN invoices_balanceentry e JOIN customers_customer c ON c.id = e.customer_id AND NOT c.sandbox
LEFT JOIN invoices_invoice i ON i.id = e.document_id
LEFT JOIN invoices_paymentattempt a ON e.kind = 'overpayment' AND e.reference = 'charge:' || a.id
CROSS JOIN LATERAL (SELECT {place_sql("e.at")} AS place) t
WHERE e.seller_id = b.seller AND e.kind <> 'applied' AND t.place BETWEEN b.low AND b.high
    AND {{customers}} AND {{changed}}
"""  # noqa: S608

# A refund is owed from its credit note on, and paid when it succeeded. One that failed went to the balance.
REFUND_ROWS = f"""
SELECT r.currency, t.place AS service, t.place AS booked, r.customer_id, 'refund' AS source, r.id AS source_id,
    m.debit, m.credit, r.amount, '' AS kind, {_NOTHING}, coalesce(n.buyer_facts->>'country', c.country) AS country,
    {_COLUMNS.format(method="r.provider")}
FROM b CROSS JOIN invoices_refund r JOIN customers_customer c ON c.id = r.customer_id AND NOT c.sandbox
LEFT JOIN invoices_invoice n ON n.id = r.note_id
CROSS JOIN LATERAL (
    SELECT 'receivable' AS debit, 'refunds_payable' AS credit, r.created_at AS at WHERE r.note_id IS NOT NULL
    UNION ALL
    SELECT 'refunds_payable', 'cash', r.settled_at WHERE r.state = 'succeeded'
) m
CROSS JOIN LATERAL (SELECT {place_sql("m.at")} AS place) t
WHERE r.seller_id = b.seller AND t.place BETWEEN b.low AND b.high
    AND {{customers}} AND {{changed}}
"""  # noqa: S608
