"""Check that accounting files are as they were made, and that no posting is in two of them."""

from collections.abc import Iterator
from hashlib import sha256

from billing.audit.check import Check, Row
from billing.audit.shared_reads import Books
from billing.models import ExportBatch, ExportFile
from billing.revenue.accounting_files.batch_rows import digest_of
from billing.revenue.accounting_files.file_store import read_file
from billing.revenue.accounting_files.formats.targets import WRITERS
from billing.revenue.accounting_files.formats.writer import file_names

# All batches of a month together contain what the last one's lock froze: no more, and no less.
_EXPORTED_ONCE = """
WITH final AS (SELECT * FROM billing_exportbatch WHERE state <> 'provisional'),
last AS (
    SELECT DISTINCT ON (seller_id, month, target, currency) seller_id, month, target, currency, lock_id
    FROM final ORDER BY seller_id, month, target, currency, id DESC
),
exported AS (
    SELECT seller_id, month, target, currency, r->>'debit_role' AS debit, r->>'credit_role' AS credit,
        sum((r->>'amount')::numeric) AS amount
    FROM final CROSS JOIN LATERAL jsonb_array_elements(rows) r GROUP BY 1, 2, 3, 4, 5, 6
),
posted AS (
    SELECT l.seller_id, l.month, l.target, l.currency, p.debit, p.credit, sum(p.amount) AS amount
    FROM last l JOIN billing_posting p ON p.month = l.month AND p.lock_id = l.lock_id AND p.currency = l.currency
    GROUP BY 1, 2, 3, 4, 5, 6
)
SELECT seller_id AS seller, month, target, currency, debit, credit, exported.amount AS exported,
    posted.amount AS posted
FROM exported FULL JOIN posted USING (seller_id, month, target, currency, debit, credit)
WHERE coalesce(exported.amount, 0) <> coalesce(posted.amount, 0)
"""

_NUMBERED = """
SELECT id, label, first_number, previous FROM (
    SELECT id, label, first_number, coalesce(lag(first_number + entries) OVER (
        PARTITION BY seller_id, month ORDER BY first_number), 1) AS previous
    FROM billing_exportbatch WHERE state <> 'provisional'
) b WHERE first_number <> previous
"""

_PARTS = """
SELECT file_id, min(number) AS first, max(number) AS last, count(*) AS parts FROM billing_exportpart
GROUP BY 1 HAVING min(number) <> 1 OR max(number) <> count(*)
"""


def _changed_files(books: Books) -> Iterator[Row]:
    """Yield files and batches whose bytes or rows don't match their digests, one mebibyte in memory at a time."""
    for batch in ExportBatch.objects.order_by("pk").iterator(chunk_size=100):
        whole = sha256()
        names = file_names(WRITERS[batch.target], batch.label)
        for number, file in enumerate(ExportFile.objects.filter(batch=batch).order_by("number"), start=1):
            digest, size = sha256(), 0
            for content in read_file(file):
                digest.update(content)
                whole.update(content)
                size += len(content)
            expected = (number, next(names), size, digest.hexdigest())
            if (file.number, file.name, file.size, file.sha256) != expected:
                yield {"batch": batch.label, "file": file.name, "bytes": size, "sha256": digest.hexdigest()}
        if whole.hexdigest() != batch.sha256 or digest_of(batch.rows) != batch.digest:
            yield {"batch": batch.label, "sha256": whole.hexdigest(), "was": batch.sha256}


CHECKS = (
    Check("accounting_files_match_their_digests", "B9", _changed_files),
    Check("no_posting_is_in_two_accounting_files", "B9", _EXPORTED_ONCE),
    Check("parts_of_accounting_files_are_numbered_without_gaps", "B9", _PARTS),
    Check("entries_of_accounting_files_are_numbered_without_gaps", "B9", _NUMBERED),
)
