"""Credit notes of a close: one for each invoice of which usage, or seats, come to less by now than was claimed."""

from collections.abc import Mapping

import msgspec

from billing.closing.lines.fee_credits import REASON as FEES_CHANGED
from billing.closing.lines.fee_credits import GivenBack, fee_credits
from billing.closing.records import Assembled, UsageCredit
from invoices.credit_notes import Credit, Creditable, credit_note, read_creditable

NO_FEES = GivenBack([], refunds=False)
USAGE_CHANGED = "Usage changed after it was billed"


def notes_of(assembled: Mapping[int, Assembled], *, lock: bool = True) -> list[Assembled]:
    """
    Return the credit notes that go with these documents, with the snapshots of their lines.

    lock: hold the invoices that they are of; a preview does not.
    """
    usage: dict[int, list[UsageCredit]] = {}
    for one in (credit for document in assembled.values() for credit in document.credits):
        usage.setdefault(one.claim.invoice_id, []).append(one)
    fees = fee_credits(assembled, lock=lock)
    wanted = sorted({*usage, *fees})
    documents = read_creditable(wanted, lock=lock) if wanted else {}
    return [_note(documents[id_], usage.get(id_, []), fees.get(id_, NO_FEES)) for id_ in wanted]


def _note(of: Creditable, usage: list[UsageCredit], given: GivenBack) -> Assembled:
    """
    Return the note of one invoice.

    What is taken back of one that was paid goes to the customer's balance, or back to them where that was asked for.
    """
    fees = given.credits
    lines = {line.id: line for line in of.lines}
    taken = [Credit(lines[one.claim.line_id], one.amount, "usage_credit", one.of.line.explanation) for one in usage]
    reason = "; ".join(text for text, credits in ((USAGE_CHANGED, usage), (FEES_CHANGED, fees)) if credits)
    to = "balance" if fees or of.invoice.state == "paid" else "offset"
    if given.refunds:
        to = "refund" if of.invoice.paid else "offset"
    draft = credit_note(of, [*taken, *fees], reason=reason, to=to)
    snapshots = [
        msgspec.structs.replace(one.of, line=line, corrects_line_id=one.claim.line_id)
        for line, one in zip(draft.lines, usage, strict=False)
    ]
    return Assembled(draft, snapshots)
