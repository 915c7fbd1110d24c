"""Lines that belong to one period of a consolidated invoice: docs/closing.md#consolidated-invoices."""


def is_own_line_sql(period: str, line: str) -> str:
    """
    Return SQL for whether a line of a period's invoice belongs to the period rather than to another period's section.

    period, line: aliases of billing_period and invoices_line.
    """
    return (
        f"NOT EXISTS (SELECT FROM invoices_section z WHERE z.invoice_id = {line}.invoice_id"
        f" AND z.reference <> 'period:' || {period}.id AND {line}.position BETWEEN z.first_line AND z.last_line)"
    )
