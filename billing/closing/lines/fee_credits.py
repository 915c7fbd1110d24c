"""What credit notes take back of fees: of a period that was cut short, or whose own document cannot set it off."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from billing.closing.records import Assembled
from invoices.credit_notes.creditable_lines import read_creditable
from invoices.credit_notes.draft import Credit

REASON = "Paid in advance and not used"


class GivenBack(NamedTuple):
    """What is taken back of the fees of one invoice, and whether that goes back to the customer."""

    credits: list[Credit]
    refunds: bool


def fee_credits(assembled: Mapping[int, Assembled], *, lock: bool) -> dict[int, GivenBack]:
    """
    Return what these periods give back of fees: invoice that claimed too much → credits.

    Each line is credited at the tax rate that it was claimed at, and never more of it than is left. Of a document
    that is not written yet, as one that a preview looks ahead to, nothing can be credited.
    """
    given = [
        (claim, line, one.refunds)
        for one in assembled.values()
        for claim, line in one.given_back.values()
        if claim.line_id
    ]
    if not given:
        return {}
    invoices = read_creditable({claim.invoice_id for claim, *_ in given}, lock=lock)
    found: dict[int, GivenBack] = {}
    for claim, line, refunds in given:
        claimed = next(one for one in invoices[claim.invoice_id].lines if one.id == claim.line_id)
        amount = min(-line.amount, max(claimed.left, Decimal(0)))
        if amount:
            credit = Credit(claimed, amount, kind="fee_credit", explanation=line.explanation)
            found.setdefault(claim.invoice_id, GivenBack([], refunds)).credits.append(credit)
    return found
