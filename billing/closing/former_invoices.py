"""The invoice before an invoice of the same subscription, to compare the two."""

from collections.abc import Sequence

from lib import sql

# The latest earlier period of any of the invoice's subscriptions that has another invoice; a period without one, as
# nothing was due, is passed over.
_FORMER_INVOICES = """
SELECT DISTINCT ON (p.invoice_id) p.invoice_id, former.invoice_id
FROM billing_period p JOIN invoices_invoice i ON i.id = p.invoice_id
CROSS JOIN LATERAL (
    SELECT e.invoice_id, e.ends_at, e.id FROM billing_period e JOIN invoices_invoice f ON f.id = e.invoice_id
    WHERE e.subscription_id = p.subscription_id AND (e.ends_at, e.id) < (p.ends_at, p.id) AND f.id <> i.id
        AND f.currency = i.currency AND f.state <> 'void' AND e.kind <> 'undone'
    ORDER BY e.ends_at DESC, e.id DESC LIMIT 1
) former
WHERE p.invoice_id = ANY(%s)
ORDER BY p.invoice_id, former.ends_at DESC, former.id DESC
"""


def find_former_invoices(invoice_ids: Sequence[int]) -> dict[int, int]:
    """
    Return invoice id → the former invoice of its subscription, or of one of its subscriptions (FORMER_INVOICES).

    Only invoices of periods have one, in the same currency; a void invoice is passed over.
    """
    return dict(sql.fetch_rows(_FORMER_INVOICES, [list(invoice_ids)]))
