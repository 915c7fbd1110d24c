"""
Lines that settle a commitment: the true-up of what was not spent, and the surcharge on what was spent beyond.

Like late usage they are cumulative, minus what was billed: whatever becomes known of a contract's usage, and when,
its lines come to what the contract comes to. docs/closing.md#commitments.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from billing.closing.records import CommitmentCycle
from billing.metering.rating_inputs.period_counters import RatingPeriod
from invoices.documents.buyer_details import Buyer
from invoices.documents.drafts import DraftLine
from invoices.documents.seller_terms import SellerTerms, last_instant
from lib.decimals import EXACT, to_plain_string
from lib.money import round_money
from plans.catalog.stored_terms import load_terms
from plans.pricing.commitments import CommitmentSettlement, settle_commitment

ONE = Decimal(1)


def commitment_settlement_lines(
    contract: CommitmentCycle,
    span: RatingPeriod,
    usage: Iterable[DraftLine],
    *,
    buyer: Buyer,
    seller: SellerTerms,
    suffix: str = "",
) -> Iterator[DraftLine]:
    """
    Yield the lines that bring a contract's claims to what it comes to with these lines of usage on top.

    span: the period that they are about.
    """
    spent = sum((line.amount for line in usage), contract.spent)
    settled = settle_commitment(
        contract.commitment, spent=spent, currency=contract.currency, share=contract.share, is_final=contract.is_over
    )
    terms = load_terms(span.version_id, span.currency)
    for kind, words, cumulative, billed in (
        ("true_up", "rest of the minimum commitment", settled.true_up, contract.true_up),
        ("surcharge", "usage beyond the commitment", settled.surcharge, contract.surcharge),
    ):
        if cumulative != billed:
            yield DraftLine(
                kind=kind,
                description=f"{terms.plan_name}: {words}{suffix}",
                service_start=contract.starts_at,
                service_end=span.ends_at,
                quantity=ONE,
                unit="",
                amount=EXACT.subtract(cumulative, billed),
                taxes=seller.taxes_of(buyer, at=last_instant(span.ends_at), code=terms.tax_code),
                explanation=commitment_workings(
                    contract, settled, kind, spent=spent, cumulative=cumulative, billed=billed
                ),
            )


def add_to_commitment(contract: CommitmentCycle, lines: Iterable[DraftLine]) -> None:
    """Count lines that a document claims as claimed of the contract that they are about."""
    for line in lines:
        counted = line.kind if line.kind in ("true_up", "surcharge") else "spent"
        setattr(contract, counted, getattr(contract, counted) + line.amount)


def commitment_workings(
    contract: CommitmentCycle,
    settled: CommitmentSettlement,
    kind: str,
    *,
    spent: Decimal,
    cumulative: Decimal,
    billed: Decimal,
) -> bytes:
    """Return the workings of a line as JSON: what was promised and spent, and the sum that it is as a formula."""
    commitment = contract.commitment
    promised, used, now, before = (
        f"{round_money(amount, contract.currency):f}" for amount in (settled.limit, spent, cumulative, billed)
    )
    factor = to_plain_string(EXACT.subtract(commitment.overage_factor, ONE))
    formula = f"{promised} − {used}" if kind == "true_up" else f"({used} − {promised}) × {factor}"
    return msgspec.json.encode(
        {
            "minimum": to_plain_string(commitment.minimum),
            "periods": str(commitment.periods),
            "share": str(contract.share),
            "promised": promised,
            "spent": used,
            "factor": to_plain_string(commitment.overage_factor),
            "cumulative": now,
            "billed_before": before,
            "formula": (formula if cumulative else "0") + (f" − {before}" if billed else ""),
        }
    )
