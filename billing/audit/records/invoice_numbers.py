"""Check the numbers and files of invoices."""

from billing.audit.check import Check
from invoices.documents.locked_months import SUMS

_GAPS = """
    SELECT s.id AS series_id, s.last_number, count(i.id) AS documents, min(i.sequence), max(i.sequence)
    FROM invoices_numberseries s LEFT JOIN invoices_invoice i ON i.series_id = s.id GROUP BY s.id
    HAVING s.last_number <> coalesce(max(i.sequence), 0) OR s.last_number <> count(i.id)
        OR count(DISTINCT i.sequence) <> count(i.id) OR min(i.sequence) <> 1
"""

_ORDER = """
    SELECT id AS invoice_id, sequence, issued_at, earlier FROM (
        SELECT i.*, lag(issued_at) OVER (PARTITION BY series_id ORDER BY sequence) AS earlier
        FROM invoices_invoice i WHERE sequence IS NOT NULL
    ) t WHERE earlier > issued_at
"""

_LAST = """
    SELECT s.id AS series_id, s.last_issued_at, max(i.issued_at) AS issued_at FROM invoices_numberseries s
    LEFT JOIN invoices_invoice i ON i.series_id = s.id GROUP BY s.id
    HAVING s.last_issued_at IS DISTINCT FROM max(i.issued_at)
"""

_PRINTED = """
    SELECT i.id AS invoice_id, i.number, i.sequence FROM invoices_invoice i
    JOIN invoices_numberseries s ON s.id = i.series_id JOIN customers_customer c ON c.id = i.customer_id
    WHERE i.number NOT LIKE '%' || lpad(i.sequence::text, greatest(6, length(i.sequence::text)), '0')
        OR length(i.number) > 16 OR s.seller_id <> i.seller_id OR s.sandbox <> i.sandbox
        OR s.kind <> i.kind OR s.test_clock_id IS DISTINCT FROM c.test_clock_id
"""

_FILES = """
    SELECT r.id AS rendering_id, r.invoice_id FROM invoices_rendering r
    LEFT JOIN invoices_invoice i ON i.id = r.invoice_id
    WHERE r.sha256 <> coalesce(encode(sha256(r.content), 'hex'), '') OR (r.content IS NULL) <> (r.rendered_at IS NULL)
        OR i.state IS NULL OR i.state = 'draft' OR (r.content IS NULL AND r.error = '')
"""

# An invoice that was issued or removed in a locked month makes its sums differ from the locked ones.
_LOCKED = f"""
    SELECT * FROM (
        SELECT l.id AS lock_id, l.seller_id, l.month, l.sums,
            {SUMS.format(seller="l.seller_id", month="l.month")} AS sums_now
        FROM invoices_monthlock l WHERE l.unlocked_at IS NULL
    ) t WHERE sums IS DISTINCT FROM sums_now
"""  # noqa: S608

CHECKS = (
    Check("invoice_numbers_have_no_gaps_or_duplicates", "I2", _GAPS),
    Check("invoice_numbers_follow_the_issue_date", "I2", _ORDER),
    Check("number_series_record_their_last_issue", "I2", _LAST),
    Check("invoice_numbers_match_their_sequence", "I2", _PRINTED),
    Check("locked_months_have_not_changed", "I8", _LOCKED),
    Check("rendered_files_match_their_hash", "I4", _FILES),
)
