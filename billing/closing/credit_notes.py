"""Credit notes of a close: one for each invoice of which usage, or seats, come to less by now than was claimed."""

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
    Return the credit notes that go with these documents, with the snapshots of their lines.

    lock: hold the invoices that they are of; a preview does not.
    """
    usage: dict[int, list[UsageCredit]] = {}
    for one in (credit for document in assembled.values() for credit in document.usage_credits):
        usage.setdefault(one.billed_line.invoice_id, []).append(one)
    fees = build_fee_credits(assembled, lock=lock)
    wanted = sorted({*usage, *fees})
    documents = read_creditable_invoices(wanted, lock=lock) if wanted else {}
    return [_note(documents[id_], usage.get(id_, []), fees.get(id_, NO_FEES)) for id_ in wanted]


def _note(of: CreditableInvoice, usage: list[UsageCredit], given: FeeCredits) -> AssembledInvoice:
    """
    Return the note of one invoice.

    What is taken back of one that was paid goes to the customer's balance, or back to them where that was asked for.
    """
    fees = given.credits
    lines = {line.id: line for line in of.lines}
    taken = [
        LineCredit(lines[one.billed_line.line_id], one.amount, "usage_credit", one.snapshot.line.explanation)
        for one in usage
    ]
    reason = "; ".join(text for text, credits in ((USAGE_CHANGED, usage), (FEES_CHANGED, fees)) if credits)
    to = "balance" if fees or of.invoice.state == "paid" else "offset"
    if given.refunds_customer:
        to = "refund" if of.invoice.paid else "offset"
    draft = draft_credit_note(of, [*taken, *fees], reason=reason, to=to)
    snapshots = [
        msgspec.structs.replace(one.snapshot, line=line, corrects_line_id=one.billed_line.line_id)
        for line, one in zip(draft.lines, usage, strict=False)
    ]
    return AssembledInvoice(draft, snapshots)
