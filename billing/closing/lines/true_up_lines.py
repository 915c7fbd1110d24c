"""
Lines that settle a commitment: the true-up of the missing part, and the surcharge on usage beyond it.

Like late usage, they are cumulative amounts minus billed amounts: no matter when usage of a cycle becomes known, its
lines sum to the cycle's amount. docs/closing.md#commitments.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from billing.closing.records import CommitmentCycle, UsageSnapshot
from billing.metering.rating_inputs.rating_period import RatingPeriod
from invoices.documents.drafts import DraftLine
from invoices.documents.seller_terms import SellerTerms, last_instant
from invoices.tax.buyer_details import Buyer
from lib.decimals import EXACT, to_plain_string
from lib.money import round_money
from plans.catalog.stored_terms import load_terms
from plans.pricing.commitments import NOTHING_SETTLED, parts_within

ONE = Decimal(1)


def commitment_settlement_lines(
    cycle: CommitmentCycle,
    span: RatingPeriod,
    usage: Iterable[UsageSnapshot],
    *,
    buyer: Buyer,
    seller: SellerTerms,
    suffix: str = "",
) -> Iterator[DraftLine]:
    """
    Yield the lines that bring a cycle's billed amounts up to its amount, including these usage lines.

    span: the period that the lines belong to.
    """
    cycle = cycle.with_spend(_counted_lines(cycle, usage))
    settlements = cycle.settle()
    settled = sum(settlements.values(), NOTHING_SETTLED)
    terms = load_terms(span.version_id, span.currency)
    for kind, label, cumulative, billed in (
        ("true_up", "shortfall of the minimum commitment", settled.true_up, cycle.true_up),
        ("surcharge", "usage beyond the commitment", settled.surcharge, cycle.surcharge),
    ):
        if cumulative != billed:
            yield DraftLine(
                kind=kind,
                description=f"{terms.plan_name}: {label}{suffix}",
                service_start=cycle.starts_at,
                service_end=span.ends_at,
                quantity=ONE,
                unit="",
                amount=EXACT.subtract(cumulative, billed),
                taxes=seller.taxes_of(buyer, at=last_instant(span.ends_at), code=terms.tax_code),
                explanation=commitment_workings(cycle, kind, cumulative=cumulative, billed=billed),
            )


def add_to_commitment(
    cycles: dict[int, CommitmentCycle],
    period_id: int,
    usage: Sequence[UsageSnapshot],
    settlement_lines: Iterable[DraftLine] = (),
) -> None:
    """Add lines of an invoice to the billed amounts of a period's cycle, which may be that of other periods, too."""
    cycle = cycles.get(period_id)
    if cycle is None:
        return
    billed = {"true_up": cycle.true_up, "surcharge": cycle.surcharge}
    for line in settlement_lines:
        billed[line.kind] += line.amount
    updated_cycle = msgspec.structs.replace(cycle.with_spend(_counted_lines(cycle, usage)), **billed)
    cycles.update({id_: updated_cycle for id_, other in cycles.items() if other is cycle})


def explain_parts_within(
    cycle: CommitmentCycle, usage: Iterable[UsageSnapshot], *, invoice_lines: Iterable[DraftLine]
) -> None:
    """
    Add to the workings of each usage line the part of it that lies within the commitment and the part beyond it.

    cycle: without these lines. The lines use the commitment in their order, after those of earlier invoices.
    invoice_lines: those that are printed; a credit note corrects a line's amount and not its parts.
    """
    # By identity: two lines may be equal.
    printed_ids = {id(line) for line in invoice_lines}
    lines_by_window: dict[datetime, list[DraftLine]] = {}
    for snapshot in usage:
        window = cycle.window_of(snapshot.line, snapshot.window.starts_at)
        if window is not None and snapshot.line.amount:
            lines_by_window.setdefault(window, []).append(snapshot.line)
    settlements = cycle.settle()
    for window, lines in lines_by_window.items():
        amounts = [line.amount for line in lines]
        within = parts_within(amounts, limit=settlements[window].limit, spent_before=cycle.windows[window].spent)
        for line, part in zip(lines, within, strict=True):
            if id(line) not in printed_ids:
                continue
            beyond = EXACT.subtract(line.amount, part)
            figures = (f"{round_money(figure, cycle.currency):f}" for figure in (part, beyond))
            parts = msgspec.json.encode(dict(zip(("within", "beyond"), figures, strict=True)))
            # The workings are a JSON object, and this is its last field.
            line.explanation = line.explanation[:-1] + b',"commitment":' + parts + b"}"


def _counted_lines(cycle: CommitmentCycle, usage: Iterable[UsageSnapshot]) -> Iterator[tuple[datetime, Decimal]]:
    for snapshot in usage:
        window = cycle.window_of(snapshot.line, snapshot.window.starts_at)
        if window is not None:
            yield window, snapshot.line.amount


def commitment_workings(cycle: CommitmentCycle, kind: str, *, cumulative: Decimal, billed: Decimal) -> bytes:
    """
    Return the workings of a line as JSON: committed and spent amounts, the parts within and beyond the commitment,
    and its formula. Of a commitment per usage window, also each window that adds to the line.
    """

    def money(amount: Decimal) -> str:
        return f"{round_money(amount, cycle.currency):f}"

    commitment, settlements = cycle.commitment, cycle.settle()
    settled = sum(settlements.values(), NOTHING_SETTLED)
    promised, used, within, beyond, cumulative_text, billed_text = map(
        money, (settled.limit, cycle.spent, settled.within, settled.excess, cumulative, billed)
    )
    factor = to_plain_string(EXACT.subtract(commitment.overage_factor, ONE))
    formula = f"{promised} − {used}" if kind == "true_up" else f"({used} − {promised}) × {factor}"
    workings: dict[str, Any] = {
        "minimum": to_plain_string(commitment.minimum),
        "periods": str(commitment.periods),
        "share": str(cycle.share),
        "promised": promised,
        "spent": used,
        "within": within,
        "beyond": beyond,
        "factor": to_plain_string(commitment.overage_factor),
        "cumulative": cumulative_text,
        "billed_before": billed_text,
    }
    if commitment.feature:
        workings["feature"] = commitment.feature
    if commitment.units is not None:
        workings["units"] = to_plain_string(commitment.units)
    if commitment.per_window:
        workings["windows"] = [
            {
                "from": start.isoformat(),
                "share": str(cycle.windows[start].share),
                "promised": money(window.limit),
                "spent": money(cycle.windows[start].spent),
                "amount": money(getattr(window, kind)),
            }
            for start, window in sorted(settlements.items())
            if getattr(window, kind)
        ]
        formula = f"sum of {len(workings['windows'])} windows"
    workings["formula"] = (formula if cumulative else "0") + (f" − {billed_text}" if billed else "")
    return msgspec.json.encode(workings)
