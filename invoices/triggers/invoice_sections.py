"""Database triggers that keep the sections of an invoice complete, and bill nothing that another invoice bills."""

import pgtrigger

from lib.triggers import after_statement, refuse_if_found


def section_bills_no_invoiced_reference() -> pgtrigger.Trigger:
    """Return the trigger that refuses a section for a reference that has an invoice of its own."""
    return after_statement(
        "section_bills_no_invoiced_reference",
        refuse_if_found(
            "SELECT 1 FROM new_rows n JOIN invoices_invoice i ON i.reference = n.reference",
            "section_bills_no_invoiced_reference: it already has its own invoice",
            code="unique_violation",
        ),
    )


def invoice_is_the_sum_of_its_sections() -> pgtrigger.Trigger:
    """
    Return the trigger that checks invoices as they are issued: the sections, which are written before, cover every
    line, and no invoice bills the reference of another one's section.
    """
    return after_statement(
        "invoice_is_the_sum_of_its_sections",
        refuse_if_found(
            # One statement for all rows of an insert: a close issues a thousand invoices at once.
            """
            SELECT 1 FROM new_rows i LEFT JOIN LATERAL (
                SELECT count(*) AS times, min(first_line) AS first, max(last_line) AS last,
                    sum(last_line - first_line + 1) AS lines
                FROM invoices_section WHERE invoice_id = i.id
            ) s ON true
            WHERE EXISTS (SELECT FROM invoices_section n WHERE n.reference = i.reference)
                OR (i.reference LIKE 'periods:%' AND s.times < 2)
                OR (s.times > 0 AND (i.reference NOT LIKE 'periods:%' OR s.first <> 1 OR s.last <> s.lines
                    OR s.lines <> (SELECT count(*) FROM invoices_line l WHERE l.invoice_id = i.id)))
            """,
            "invoice_is_the_sum_of_its_sections: some of its lines belong to no section, or to another invoice",
        ),
    )
