"""
Lines that settle a commitment: the true-up of the missing part, and the surcharge on usage beyond it.

Like late usage, they are cumulative amounts minus billed amounts: no matter when usage of a cycle becomes known, its
lines sum to the cycle's amount. docs/closing.md#commitments.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from billing.closing.records import CommitmentCycle
from billing.metering.rating_inputs.rating_period import RatingPeriod
from invoices.documents.drafts import DraftLine
from invoices.documents.seller_terms import SellerTerms, last_instant
from invoices.tax.buyer_details import Buyer
from lib.decimals import EXACT, to_plain_string
from lib.money import round_money
from plans.catalog.stored_terms import load_terms
from plans.pricing.commitments import CommitmentSettlement, settle_commitment

ONE = Decimal(1)


def commitment_settlement_lines(
    cycle: CommitmentCycle,
    span: RatingPeriod,
    usage: Iterable[DraftLine],
    *,
    buyer: Buyer,
    seller: SellerTerms,
    suffix: str = "",
) -> Iterator[DraftLine]:
    """
    Yield the lines that bring a cycle's billed amounts up to its amount, including these usage lines.

    span: the period that the lines belong to.
    """
    spent = sum((line.amount for line in usage), cycle.spent)
    settled = settle_commitment(
        cycle.commitment, spent=spent, currency=cycle.currency, share=cycle.share, is_final=cycle.is_over
    )
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
                explanation=commitment_workings(
                    cycle, settled, kind, spent=spent, cumulative=cumulative, billed=billed
                ),
            )


def add_to_commitment(cycles: dict[int, CommitmentCycle], period_id: int, lines: Iterable[DraftLine]) -> None:
    """Add lines of an invoice to the billed amounts of a period's cycle, which may be that of other periods, too."""
    cycle = cycles.get(period_id)
    if cycle is None:
        return
    billed = {"spent": cycle.spent, "true_up": cycle.true_up, "surcharge": cycle.surcharge}
    for line in lines:
        billed[line.kind if line.kind in billed else "spent"] += line.amount
    updated_cycle = msgspec.structs.replace(cycle, **billed)
    cycles.update({id_: updated_cycle for id_, other in cycles.items() if other is cycle})


def commitment_workings(
    cycle: CommitmentCycle,
    settled: CommitmentSettlement,
    kind: str,
    *,
    spent: Decimal,
    cumulative: Decimal,
    billed: Decimal,
) -> bytes:
    """Return the workings of a line as JSON: committed and spent amounts, and its formula."""
    commitment = cycle.commitment
    promised, used, cumulative_text, billed_text = (
        f"{round_money(amount, cycle.currency):f}" for amount in (settled.limit, spent, cumulative, billed)
    )
    factor = to_plain_string(EXACT.subtract(commitment.overage_factor, ONE))
    formula = f"{promised} − {used}" if kind == "true_up" else f"({used} − {promised}) × {factor}"
    return msgspec.json.encode(
        {
            "minimum": to_plain_string(commitment.minimum),
            "periods": str(commitment.periods),
            "share": str(cycle.share),
            "promised": promised,
            "spent": used,
            "factor": to_plain_string(commitment.overage_factor),
            "cumulative": cumulative_text,
            "billed_before": billed_text,
            "formula": (formula if cumulative else "0") + (f" − {billed_text}" if billed else ""),
        }
    )
