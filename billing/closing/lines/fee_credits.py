"""What credit notes take back of fees: of a period that was cut short, or whose own document cannot set it off."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from billing.closing.records import AssembledInvoice
from invoices.credit_notes.creditable_lines import read_creditable_invoices
from invoices.credit_notes.draft import LineCredit

REASON = "Paid in advance and not used"


class FeeCredits(NamedTuple):
    """What is taken back of the fees of one invoice, and whether that goes back to the customer."""

    credits: list[LineCredit]
    refunds_customer: bool


def build_fee_credits(assembled: Mapping[int, AssembledInvoice], *, lock: bool) -> dict[int, FeeCredits]:
    """
    Return what these periods give back of fees: invoice that claimed too much → credits.

    Each line is credited at the tax rate that it was claimed at, and never more of it than is left. Of a document
    that is not written yet, as one that a preview looks ahead to, nothing can be credited.
    """
    given = [
        (claim, line, one.refunds_customer)
        for one in assembled.values()
        for claim, line in one.fee_reductions.values()
        if claim.line_id
    ]
    if not given:
        return {}
    invoices = read_creditable_invoices({claim.invoice_id for claim, *_ in given}, lock=lock)
    found: dict[int, FeeCredits] = {}
    for claim, line, refunds in given:
        claimed = next(one for one in invoices[claim.invoice_id].lines if one.id == claim.line_id)
        amount = min(-line.amount, max(claimed.left, Decimal(0)))
        if amount:
            credit = LineCredit(claimed, amount, kind="fee_credit", explanation=line.explanation)
            found.setdefault(claim.invoice_id, FeeCredits([], refunds)).credits.append(credit)
    return found
