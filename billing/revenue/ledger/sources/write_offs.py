"""
Postings of a write-off beyond its lines: its tax, its loss, and what clears the receivable after all.

The loss is the part that credit notes had taken off the lines already, so that it was refunded and then taken back.
Payments and credits after a write-off give bad debt, tax and loss back in proportion, rounded up to then; the rest is
a recovery, since that part was never earned. docs/recognition.md#write-offs.
"""

from billing.revenue.ledger.sources import place_sql, rounded_sql, units_sql
from billing.revenue.ledger.sources.contra_lines import EARNED_WHEN_WRITTEN_OFF

# A credit note clears what it doesn't return to the balance or as a refund.
_CLEARED = """
SELECT at, amount, sum(amount) OVER (ORDER BY at, id) AS total FROM (
    SELECT y.created_at AS at, y.amount, y.id FROM invoices_payment y
    WHERE y.invoice_id = w.invoice_id AND y.created_at > w.at
    UNION ALL
    SELECT c.issued_at, c.total
        - coalesce((SELECT sum(e.amount) FROM invoices_balanceentry e
            WHERE e.document_id = c.id AND e.kind = 'credit_note'), 0)
        - coalesce((SELECT sum(f.amount) FROM invoices_refund f WHERE f.note_id = c.id), 0), c.id
    FROM invoices_invoice c
    WHERE c.corrects_id = w.invoice_id AND c.kind = 'credit_note' AND c.issued_at > w.at
) cleared
"""


def _increase(part: str) -> str:
    """Return the SQL for the increase of the rounded share that `part` has in the total cleared by then."""
    now, before = (
        rounded_sql(f"({total} * {part})", "w.amount", "w.units") for total in ("r.total", "(r.total - r.amount)")
    )
    return f"{now} - {before}"


ROWS = f"""
SELECT w.currency, p.service, p.service AS booked, w.customer_id, 'write_off' AS source, w.id AS source_id, p.debit,
    p.credit, p.amount, '' AS kind, NULL::bigint AS plan_id, NULL::bigint AS feature_id, NULL::bigint AS fee_id,
    NULL::bigint AS pack_id, w.country,
    CASE WHEN 'tax' IN (p.debit, p.credit) THEN coalesce(w.tax_name, '') ELSE '' END AS tax_name,
    CASE WHEN 'tax' IN (p.debit, p.credit) THEN w.tax_rate END AS tax_rate, '' AS method
FROM b CROSS JOIN (
    SELECT o.*, i.currency, i.customer_id, i.buyer_facts->>'country' AS country, {units_sql("i.currency")} AS units,
        coalesce(d.amount, 0) + CASE WHEN o.reverses_tax THEN 0 ELSE o.tax END AS debt,
        CASE WHEN o.reverses_tax THEN o.tax ELSE 0 END AS reversed, o.amount - o.tax - coalesce(h.amount, 0) AS loss,
        x.name AS tax_name, x.rate AS tax_rate
    FROM b CROSS JOIN invoices_writeoff o
    JOIN invoices_invoice i ON i.id = o.invoice_id AND i.seller_id = b.seller AND NOT i.sandbox
    LEFT JOIN ({EARNED_WHEN_WRITTEN_OFF}) d ON d.id = o.id
    LEFT JOIN LATERAL (SELECT sum(amount) AS amount FROM invoices_writeoffshare h WHERE h.write_off_id = o.id) h
        ON true
    LEFT JOIN LATERAL (SELECT name, rate FROM invoices_invoicetax t WHERE t.invoice_id = i.id
        ORDER BY amount DESC, id LIMIT 1) x ON true
    WHERE {{customers}} AND {{changed}}
) w
CROSS JOIN LATERAL (
    SELECT {place_sql("w.at")} AS service, CASE WHEN w.reverses_tax THEN 'tax' ELSE 'bad_debt' END AS debit,
        'receivable' AS credit, w.tax AS amount
    UNION ALL
    SELECT {place_sql("w.at")}, 'other_loss', 'receivable', w.loss
    UNION ALL
    SELECT {place_sql("r.at")}, 'receivable', q.role, q.amount
    FROM ({_CLEARED}) r
    CROSS JOIN LATERAL (
        SELECT {_increase("w.debt")} AS debt, {_increase("w.reversed")} AS tax, {_increase("w.loss")} AS loss
    ) t
    CROSS JOIN LATERAL (
        VALUES ('bad_debt', t.debt), ('tax', t.tax), ('other_loss', t.loss),
            ('recoveries', r.amount - t.debt - t.tax - t.loss)
    ) AS q(role, amount)
) p
WHERE p.amount <> 0 AND p.service BETWEEN b.low AND b.high
"""  # noqa: S608
