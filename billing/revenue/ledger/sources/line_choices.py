"""
Choices of invoice lines: the lines that a statement reads, before it joins anything to them.

The planner leaves out the lines of past years, so each choice is a condition that it can judge.
"""

from typing import NamedTuple


class LineChoice(NamedTuple):
    """
    SELECTs of rows of the lines' table, within an enclosing `b`.

    lines: those that may have postings. invoice_lines: all lines of their invoices, for amounts that include tax: the
        nets of an invoice's lines follow from each other.
    """

    lines: str
    invoice_lines: str


def issued_since(time: str) -> str:
    """Return the condition that an invoice `i`, no draft, was issued at a time or later, in terms of its index."""
    return f"coalesce(i.issued_at, i.created_at) >= {time}"


def _with_their_invoices(lines: str) -> LineChoice:
    invoices = f"SELECT chosen.invoice_id FROM ({lines}) chosen"  # noqa: S608
    return LineChoice(lines, f"SELECT n.* FROM invoices_line n WHERE n.invoice_id IN ({invoices})")  # noqa: S608


_ALL = "SELECT * FROM invoices_line"
ALL_LINES = LineChoice(_ALL, _ALL)

_SINCE = "b.ends[b.low - 1]"
_END = "greatest(n.service_start, n.service_end)"  # a line may end before it starts, and is earned at once then
_NEAR = f"""
SELECT n.* FROM invoices_line n WHERE {_END} >= {_SINCE}
UNION ALL
SELECT n.* FROM invoices_invoice i JOIN invoices_line n ON n.invoice_id = i.id AND {_END} < {_SINCE}
WHERE i.seller_id = b.seller AND {issued_since(_SINCE)}
UNION ALL
SELECT n.* FROM plans_fee f JOIN invoices_line n ON n.fee_id = f.id AND {_END} < {_SINCE}
JOIN invoices_invoice i ON i.id = n.invoice_id AND NOT {issued_since(_SINCE)}
WHERE f.recognition = 'months'
"""  # noqa: S608
NEAR_LINES = _with_their_invoices(_NEAR)
"""
The lines that may earn, or are issued, in the months from `b.low` on, which is not the first one.

A line earns nothing after its service, unless its fee is earned over more months.
"""

CREDITS = _with_their_invoices("SELECT n.* FROM invoices_line n WHERE n.corrects_line_id IS NOT NULL")
"""The lines of credit notes that credit another line, for which there is an index."""

LINES_TAKEN_BACK = _with_their_invoices(
    "SELECT n.* FROM invoices_line n WHERE n.id IN ("
    "SELECT corrects_line_id FROM invoices_line WHERE corrects_line_id IS NOT NULL"
    " UNION ALL SELECT line_id FROM invoices_writeoffshare)"
)
"""The lines that were credited or written off."""
