"""
Fee amounts that credit notes take back: of a shortened period, or where the period's own invoice can't set them off.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from billing.closing.lines.section_lines import is_own_line_sql
from billing.closing.records import AssembledInvoice
from invoices.credit_notes.creditable_lines import CreditableInvoice, CreditableLine, read_creditable_invoices
from invoices.credit_notes.draft import LineCredit
from invoices.documents.drafts import DraftLine
from lib import sql
from lib.decimals import EXACT, ZERO, exact_sum

REASON = "Paid in advance and not used"

# The fees that earlier periods of the subscription were invoiced, the latest first.
_EARLIER_FEES = f"""
SELECT closing.id, l.invoice_id, l.id
FROM billing_period closing
JOIN billing_period own ON own.subscription_id = closing.subscription_id AND own.kind <> 'undone'
JOIN invoices_line l ON l.invoice_id = own.invoice_id AND l.kind = 'fee' AND l.amount > 0
    AND {is_own_line_sql("own", "l")}
WHERE closing.id = ANY(%s) AND own.starts_at < closing.starts_at ORDER BY l.id DESC
"""  # noqa: S608


class FeeCredits(NamedTuple):
    """The fee credits of one invoice, and whether the amount is refunded to the customer."""

    credits: list[LineCredit]
    refunds_customer: bool


class _Reduction(NamedTuple):
    """A fee that a period billed too much. line: the reducing line, with an amount below zero."""

    period_id: int
    invoice_id: int
    line_id: int
    line: DraftLine
    refunds_customer: bool


@dataclass(slots=True)
class _AmountsLeft:
    """
    The amounts that lines and invoices have left, and the credits that take them.

    An invoice may have less left than one of its lines: one of a plan change also credits the former fee.
    """

    credits: dict[int, FeeCredits] = field(default_factory=dict)
    lines: dict[int, CreditableLine] = field(default_factory=dict)
    left: dict[int, Decimal] = field(default_factory=dict)

    def add(self, invoices: Mapping[int, CreditableInvoice]) -> None:
        for invoice_id, invoice in invoices.items():
            self.lines |= {line.id: line for line in invoice.lines}
            self.left.setdefault(invoice_id, exact_sum(line.left for line in invoice.lines))

    def credit(self, reduction: _Reduction, amount: Decimal, *, invoice_id: int, line_id: int) -> Decimal:
        """Credit up to an amount of a line, and return the rest."""
        line = self.lines[line_id]
        credits, refunds = self.credits.get(invoice_id, FeeCredits([], reduction.refunds_customer))
        before = exact_sum(credit.amount for credit in credits if credit.line.id == line_id)
        part = max(min(amount, EXACT.subtract(line.left, before), self.left[invoice_id]), ZERO)
        if part:
            unserved = reduction.line.service_start, reduction.line.service_end
            credit = LineCredit(
                line, part, kind="fee_credit", explanation=reduction.line.explanation, unserved=unserved
            )
            self.credits[invoice_id] = FeeCredits([*credits, credit], refunds)
            self.left[invoice_id] = EXACT.subtract(self.left[invoice_id], part)
        return EXACT.subtract(amount, part)


def build_fee_credits(assembled: Mapping[int, AssembledInvoice], *, lock: bool) -> dict[int, FeeCredits]:
    """
    Return the fee credits of these periods: invoice that billed too much → credits.

    Each line is credited at the tax rate it was billed at, and never by more than is left. If its invoice has less
    left, the rest is credited on earlier invoices of the subscription. Nothing can be credited of an invoice that is
    not written yet, such as one that a preview assumes.
    """
    reductions = list(_reductions(assembled))
    if not reductions:
        return {}
    left = _AmountsLeft()
    left.add(read_creditable_invoices({reduction.invoice_id for reduction in reductions}, lock=lock))
    rests: list[tuple[_Reduction, Decimal]] = []
    for reduction in reductions:
        # A credit note by hand may have credited a part of the line.
        owed = min(-reduction.line.amount, left.lines[reduction.line_id].left)
        rest = left.credit(reduction, owed, invoice_id=reduction.invoice_id, line_id=reduction.line_id)
        if rest > 0:
            rests.append((reduction, rest))
    if rests:
        _credit_earlier_invoices(left, rests, lock=lock)
    return left.credits


def _reductions(assembled: Mapping[int, AssembledInvoice]) -> Iterator[_Reduction]:
    for period_id, invoice in assembled.items():
        for billed_fee, line in invoice.fee_reductions.values():
            if billed_fee.line_id and billed_fee.invoice_id:
                yield _Reduction(period_id, billed_fee.invoice_id, billed_fee.line_id, line, invoice.refunds_customer)


def _credit_earlier_invoices(
    left: _AmountsLeft, rests: Collection[tuple[_Reduction, Decimal]], *, lock: bool
) -> None:
    fees = sql.fetch_rows(_EARLIER_FEES, [[reduction.period_id for reduction, _rest in rests]])
    # These locks come after those of later invoices. If a note by hand takes them in the other order, the database
    # refuses one of both: the period is closed by the next run then.
    left.add(read_creditable_invoices({invoice_id for _id, invoice_id, _line in fees}, lock=lock))
    for reduction, amount in rests:
        rest = amount
        for period_id, invoice_id, line_id in fees:
            if period_id == reduction.period_id and line_id != reduction.line_id and line_id in left.lines:
                rest = left.credit(reduction, rest, invoice_id=invoice_id, line_id=line_id)
