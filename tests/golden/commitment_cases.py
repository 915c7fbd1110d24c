"""Runs a case of commitments.json by our own functions, by its kind."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from lib.decimals import ZERO
from lib.money import round_money
from plans.pricing.charge_models import Dynamic, PerUnit
from plans.pricing.commitments import NOTHING_SETTLED, CommitmentSettlement, SpendCommitment, settle_commitment
from plans.pricing.committed_units import price_commitment
from plans.pricing.proration import share_of_interval
from plans.pricing.rating import PriceTerms, RateTerms, RateUsage, Rating, rate_usage
from tests.golden.case_figures import Figures
from tests.golden.cases import Case
from tests.golden.pricing_cases import ALL, charge, free_units

D = Decimal
SECOND = timedelta(seconds=1)


def figures(case: Case) -> Figures:
    """Return the amounts that we charge in addition to the usage of a case."""
    return RUNNERS[case["kind"]](case)


def part_of(params: dict[str, Any]) -> Fraction:
    """Return the billed share of the full period, by days; a case's end is the last second of an interval."""
    full, billed = params["full_period"], params["billed_period"]
    return share_of_interval(
        datetime.fromisoformat(billed["start"]),
        datetime.fromisoformat(billed["end"]) + SECOND,
        full_start=datetime.fromisoformat(full["start"]),
        full_end=datetime.fromisoformat(full["end"]) + SECOND,
        by="day",
        zone=ZoneInfo(params["timezone"]),
    )


def prorated_minimum(case: Case) -> Figures:
    params, part = case["params"], part_of(case["params"])
    commitment, spent = SpendCommitment(D(params["minimum"])), D(params.get("used", 0))
    settled = settle_commitment(commitment, spent=spent, currency=case["currency"], share=part)
    return {
        "commitment": settled.limit,
        "true_up": settled.true_up,
        "precise_true_up": round(Fraction(commitment.minimum) * part - Fraction(spent), 15),
    }


def coefficient(case: Case) -> Figures:
    return {"coefficient": D(part_of(case["params"]).numerator) / part_of(case["params"]).denominator}


def minimum(case: Case) -> Figures:
    params = case["params"]
    if "price" in params:
        return line(case)
    spent = D(params["used"])
    if params.get("round_used_first"):
        spent = round_money(spent, case["currency"])
    settled = settle_commitment(SpendCommitment(D(params["minimum"])), spent=spent, currency=case["currency"])
    in_money = round_money(settled.true_up * D(params.get("conversion_rate", 1)), case["currency"])
    return {"true_up": in_money, "true_up_in_units": settled.true_up, "total": settled.total}


def rated(case: Case, units: Decimal, *, is_final: bool) -> Rating:
    """Rate everything used so far by a price with its minimum or maximum."""
    params = case["params"]
    model = charge(params["price"]["model"], params["price"]["params"])
    if "discount_percent" in params["price"]["params"]:
        assert isinstance(model, PerUnit)
        agreed = SpendCommitment(ZERO, discount=D(params["price"]["params"]["discount_percent"]))
        model = PerUnit(agreed.discounted(model.unit_price))
    terms = PriceTerms(
        currency=case["currency"],
        rates=(RateTerms(ALL, (), model),),
        included=free_units(params["price"]["params"]),
        minimum=D(params["minimum"]) if "minimum" in params else None,
        maximum=D(params["maximum"]) if "maximum" in params else None,
    )
    used = RateUsage(units, carried=units) if isinstance(model, Dynamic) else units
    return rate_usage(terms, {ALL: used}, is_final=is_final)


def line(case: Case) -> Figures:
    """Return the amount due now: all usage so far with its bound, minus the same of the usage billed before."""
    params = case["params"]
    before, units = D(params["prior_units"]), D(params["units"])
    now = rated(case, before + units, is_final=params["line"] == "last")
    earlier = rated(case, before, is_final=False)
    billed = (
        min(D(params["prior_billed"]), earlier.invoiced_amount) if "maximum" in params else D(params["prior_billed"])
    )
    plain = round_money(now.amount, case["currency"]) - round_money(earlier.amount, case["currency"])
    total = now.invoiced_amount - billed
    return {"charge": plain, "true_up": total - plain, "discount": plain - total, "total": total}


def sequence(case: Case) -> Figures:
    totals, billed = [], ZERO
    for snapshot in case["params"]["snapshots"]:
        now = rated(case, D(snapshot["cumulative_units"]), is_final=snapshot["final"]).invoiced_amount
        totals.append(now - billed)
        billed = now
    return {"totals": totals}


def windowed(case: Case) -> Figures:
    """Settle each usage window against its own commitment."""
    windows = case["params"]["windows"]
    settled = sum((part for window in windows for part in window_settled(case, window)), NOTHING_SETTLED)
    return {
        "total": settled.total,
        "utilized": settled.within,
        "overage": settled.excess + settled.surcharge,
        "true_up": settled.true_up,
    }


def window_settled(case: Case, window: dict[str, Any]) -> list[CommitmentSettlement]:
    terms = PriceTerms(case["currency"], (RateTerms(ALL, (), PerUnit(D(window["unit_amount"]))),))
    spent = rate_usage(terms, {ALL: D(window["units"])}).invoiced_amount
    factor, trues_up, kind = window["overage_factor"], window["true_up"], window["commitment_type"]
    settled = CommitmentSettlement(spent, spent, ZERO, ZERO, ZERO)
    if window["commitment"] is not None:
        units = D(window["commitment"]) if kind == "quantity" else None
        minimum = D(window["commitment"]) if kind == "amount" else ZERO
        commitment = SpendCommitment(
            minimum, overage_factor=D(factor), trues_up=trues_up, feature=ALL, units=units, per_window=True
        )
        commitment = price_commitment(commitment, terms)
        settled = settle_commitment(commitment, spent=spent, currency=case["currency"])
    return [settled] * int(window.get("count", 1))


def cumulative(case: Case) -> Figures:
    params = case["params"]
    commitment = SpendCommitment(D(params["commitment"]), overage_factor=D(params["overage_factor"]))
    before, spent = (sum(map(D, params[name]), ZERO) for name in ("prior_base_usage", "current_base_usage"))
    settled = settle_commitment(
        commitment, spent=spent, spent_before=before, currency=case["currency"], is_final=False
    )
    return {"total": settled.total, "overage": settled.excess + settled.surcharge}


RUNNERS: dict[str, Callable[[Case], Figures]] = {
    "prorated_minimum": prorated_minimum,
    "coefficient": coefficient,
    "minimum": minimum,
    "maximum": line,
    "sequence": sequence,
    "windowed": windowed,
    "cumulative": cumulative,
}
