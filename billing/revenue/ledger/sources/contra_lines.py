"""
Postings of credits by staff and of write-offs, line by line.

Both take back a part of a line that has its schedule: the earned part at that time is contra revenue, the rest leaves
deferred revenue, and each later month earns less by the share that is gone. docs/recognition.md#credit-notes.
"""

from billing.revenue.ledger.sources import place_sql
from billing.revenue.ledger.sources.line_choices import CREDITS, LINES_TAKEN_BACK
from billing.revenue.ledger.sources.lines import IS_CONTRA, PLACES, nets_sql
from billing.revenue.ledger.sources.schedules import share_sql

_NOTES = f"""
SELECT l.id, l.corrects_line_id AS line_id, -l.net AS amount, l.issued_at AS at, {place_sql("l.issued_at")} AS place
FROM b CROSS JOIN ({nets_sql(CREDITS)}) l WHERE {IS_CONTRA}
"""  # noqa: S608
_WRITE_OFFS = f"""
SELECT w.id, h.line_id, h.amount, w.at, {place_sql("w.at")} AS place
FROM b CROSS JOIN invoices_writeoff w JOIN invoices_writeoffshare h ON h.write_off_id = w.id
"""  # noqa: S608

# The schedule `s` of each line with the part of it that is taken back, and how much of that is earned by then.
_TAKEN = f"""
SELECT s.*, CASE WHEN s.purchase_id IS NOT NULL THEN 0 ELSE {share_sql("s.taken", "s.at")} END AS earned
FROM b CROSS JOIN (
    SELECT l.*, c.id AS contra_id, c.amount AS taken, c.at, c.place AS issued, {PLACES}
    FROM b CROSS JOIN ({{contra}}) c JOIN ({nets_sql(LINES_TAKEN_BACK)}) l ON l.id = c.line_id
    WHERE {{{{customers}}}} AND {{{{changed}}}}
) s
"""  # noqa: S608

_ROWS = f"""
SELECT s.currency, p.service, p.booked, s.customer_id, '{{source}}' AS source, s.contra_id AS source_id, p.debit,
    p.credit, p.amount, s.kind, s.plan_id, s.feature_id, s.fee_id, s.pack_id, s.country, '' AS tax_name,
    NULL::numeric AS tax_rate, '' AS method
FROM b CROSS JOIN ({_TAKEN}) s
CROSS JOIN LATERAL (
    SELECT s.issued AS service, s.issued AS booked, '{{earned}}' AS debit, 'receivable' AS credit, s.earned AS amount
    WHERE s.issued BETWEEN b.low AND b.high
    UNION ALL
    SELECT s.issued, s.issued, CASE WHEN s.purchase_id IS NULL THEN 'deferred' ELSE '{{prepaid}}' END, 'receivable',
        s.taken - s.earned
    WHERE s.issued BETWEEN b.low AND b.high
    UNION ALL
    SELECT k, s.issued, 'revenue', 'deferred', {share_sql("s.taken", "b.ends[k]")}
        - (CASE WHEN k = s.issued THEN s.earned ELSE {share_sql("s.taken", "b.ends[k - 1]")} END)
    FROM generate_series(greatest(s.issued, b.low), least(greatest(s.last, s.issued), b.high)) AS k
    WHERE s.purchase_id IS NULL
) p
WHERE p.amount <> 0
"""  # noqa: S608

NOTE_ROWS = _ROWS.format(contra=_NOTES, source="line", earned="credit_notes", prepaid="prepaid")
WRITE_OFF_ROWS = _ROWS.format(contra=_WRITE_OFFS, source="write_off", earned="bad_debt", prepaid="bad_debt")
"""A pack that was granted unpaid keeps its units, so all of its price is bad debt."""

EARNED_WHEN_WRITTEN_OFF = f"""
SELECT s.contra_id AS id, sum(CASE WHEN s.purchase_id IS NULL THEN s.earned ELSE s.taken END) AS amount
FROM ({_TAKEN.format(contra=_WRITE_OFFS).format(customers="true", changed="true")}) s GROUP BY 1
"""  # noqa: S608
"""The part of each write-off that became bad debt, tax apart."""
