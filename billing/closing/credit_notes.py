"""Credit notes of a close: one for each invoice whose usage or seats now cost less than was billed."""

from collections.abc import Mapping

import msgspec

from billing.closing.lines.fee_credits import REASON as FEES_CHANGED
from billing.closing.lines.fee_credits import FeeCredits, build_fee_credits
from billing.closing.records import AssembledInvoice, UsageCredit
from invoices.credit_notes import CreditableInvoice, LineCredit, draft_credit_note, read_creditable_invoices

NO_FEES = FeeCredits([], refunds_customer=False)
USAGE_CHANGED = "Usage changed after it was billed"


def build_credit_notes(assembled: Mapping[int, AssembledInvoice], *, lock: bool = True) -> list[AssembledInvoice]:
    """
    Return the credit notes that belong to these invoices, with the snapshots of their lines.

    lock: whether to lock the invoices to be credited; a preview does not.
    """
    usage_credits: dict[int, list[UsageCredit]] = {}
    for usage_credit in (credit for document in assembled.values() for credit in document.usage_credits):
        usage_credits.setdefault(usage_credit.billed_line.invoice_id, []).append(usage_credit)
    fees = build_fee_credits(assembled, lock=lock)
    invoice_ids = sorted({*usage_credits, *fees})
    invoices = read_creditable_invoices(invoice_ids, lock=lock) if invoice_ids else {}
    return [
        _build_credit_note(invoices[id_], usage_credits.get(id_, []), fees.get(id_, NO_FEES)) for id_ in invoice_ids
    ]


def _build_credit_note(
    invoice: CreditableInvoice, usage: list[UsageCredit], fee_credits: FeeCredits
) -> AssembledInvoice:
    """
    Return the credit note of one invoice.

    The credit of a paid invoice goes to the customer's balance, or is refunded if the operator requested that.
    """
    fees = fee_credits.credits
    lines = {line.id: line for line in invoice.lines}
    usage_line_credits = [
        LineCredit(
            lines[usage_credit.billed_line.line_id],
            usage_credit.amount,
            "usage_credit",
            usage_credit.snapshot.line.explanation,
        )
        for usage_credit in usage
    ]
    reason = "; ".join(text for text, credits in ((USAGE_CHANGED, usage), (FEES_CHANGED, fees)) if credits)
    to = "balance" if fees or invoice.invoice.state == "paid" else "offset"
    if fee_credits.refunds_customer:
        to = "refund"
    draft = draft_credit_note(invoice, [*usage_line_credits, *fees], reason=reason, to=to)
    # Usage comes first among the lines; the fee credits after it have no snapshot.
    snapshots = [
        msgspec.structs.replace(usage_credit.snapshot, line=line, corrects_line_id=usage_credit.billed_line.line_id)
        for line, usage_credit in zip(draft.lines, usage, strict=False)
    ]
    return AssembledInvoice(draft, snapshots)
