"""
Fee amounts that credit notes take back: of a shortened period, or where the period's own invoice can't set them off.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from billing.closing.records import AssembledInvoice
from invoices.credit_notes.creditable_lines import read_creditable_invoices
from invoices.credit_notes.draft import LineCredit

REASON = "Paid in advance and not used"


class FeeCredits(NamedTuple):
    """The fee credits of one invoice, and whether the amount is refunded to the customer."""

    credits: list[LineCredit]
    refunds_customer: bool


def build_fee_credits(assembled: Mapping[int, AssembledInvoice], *, lock: bool) -> dict[int, FeeCredits]:
    """
    Return the fee credits of these periods: invoice that billed too much → credits.

    Each line is credited at the tax rate it was billed at, and never by more than is left. Nothing can be credited of
    an invoice that is not written yet, such as one that a preview assumes.
    """
    reductions = [
        (billed_fee, line, invoice.refunds_customer)
        for invoice in assembled.values()
        for billed_fee, line in invoice.fee_reductions.values()
        if billed_fee.line_id
    ]
    if not reductions:
        return {}
    invoices = read_creditable_invoices({billed_fee.invoice_id for billed_fee, *_ in reductions}, lock=lock)
    credits: dict[int, FeeCredits] = {}
    for billed_fee, line, refunds in reductions:
        billed_line = next(
            billed for billed in invoices[billed_fee.invoice_id].lines if billed.id == billed_fee.line_id
        )
        # A credit note by hand may have credited a part of the line.
        amount = min(-line.amount, max(billed_line.left, Decimal(0)))
        if amount:
            unserved = line.service_start, line.service_end
            credit = LineCredit(
                billed_line, amount, kind="fee_credit", explanation=line.explanation, unserved=unserved
            )
            credits.setdefault(billed_fee.invoice_id, FeeCredits([], refunds)).credits.append(credit)
    return credits
