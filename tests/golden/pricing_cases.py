"""Runs a case of charges.json by our own functions, by its model and parameters."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from lib.decimals import EXACT, ZERO
from lib.money import minor_unit, round_money, round_to
from plans.pricing.charge_models import (
    Charge,
    Dynamic,
    Flat,
    Graduated,
    Package,
    Percentage,
    PerUnit,
    PriceTier,
    Volume,
)
from plans.pricing.rating import PriceTerms, RatedLine, RateTerms, RateUsage, Rating, Rounding, match_rate, rate_usage
from tests.golden.case_figures import Figures
from tests.golden.cases import Case

NOTHING = Rating(currency="", lines=(), amount=ZERO)

ALL = "all"  # the key of the only rate of a price without dimensions


def figures(case: Case) -> Figures:
    """Return our price for a case: its amount, and the figures that explain it."""
    return RUNNERS[case["kind"]](case)


def charge(model: str, params: dict[str, Any]) -> Charge:
    """Return our charge for a model's parameters."""
    if model == "flat":
        return Flat(Decimal(params["amount"]))
    if model == "per_unit":
        return PerUnit(Decimal(params["unit_amount"]))
    if model == "package":
        return Package(Decimal(params["package_size"]), Decimal(params["package_amount"]), params["rounding"])
    if model == "percentage":
        return Percentage(
            percent=Decimal(params["rate"]),
            fixed_fee=Decimal(params["fixed_amount"] or 0),
            free_events=int(params["free_events"] or 0),
            free_value=Decimal(params["free_total"] or 0),
            minimum=number_or_open(params["min_per_event"]),
            maximum=number_or_open(params["max_per_event"]),
        )
    if model == "dynamic":
        assert params["price_source"] in ("event", "quantity")
        return Dynamic(Decimal(params.get("multiplier", 1)))
    return {"graduated": Graduated, "graduated_percentage": Graduated, "volume": Volume}[model](
        tuple(
            PriceTier(
                number_or_open(tier["up_to"]),
                Decimal(tier["unit_amount"]) if "unit_amount" in tier else Decimal(tier["rate"]).scaleb(-2),
                Decimal(tier["flat_amount"]),
            )
            for tier in params["tiers"]
        )
    )


def free_units(params: dict[str, Any]) -> Decimal:
    """Return the units that a model's parameters let go free."""
    return Decimal(params.get("free_units") or params.get("usage_discount") or 0)


def number_or_open(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def one_rate(case: Case) -> Figures:
    """Price at one rate: the amount due now is the price of all usage minus the price of the earlier usage."""
    params, conversion = case["params"], case["params"].get("conversion")
    model = charge(case["kind"], params)
    terms = PriceTerms(
        currency=case["currency"],
        rates=(RateTerms(ALL, (), model),),
        included=free_units(params),
        rounding=Rounding(conversion["rounding"], conversion["precision"]) if conversion else None,
        credits_below_zero=isinstance(model, PerUnit) and not case.get("floor_at_zero"),
    )
    before = Decimal(case.get("prior_units", 0))
    now = Decimal(case.get("cumulative_units") or EXACT.add(before, Decimal(case["units"])))
    rated = rate_usage(terms, {ALL: converted(now, conversion)})
    billed = rate_usage(terms, {ALL: converted(before, conversion)}) if "prior_units" in case else NOTHING
    amount = due(case, rated, billed)
    return {
        "amount": amount,
        "unit_amount": average(case, amount, rated.lines[0].billable),
        "breakdown": packages(terms, rated.lines[0])
        if isinstance(model, Package)
        else tier_differences(model, rated, billed),
    }


def converted(units: Decimal, conversion: dict[str, Any] | None) -> Decimal:
    if conversion is None:
        return units
    assert conversion["operation"] == "divide"
    return EXACT.divide(units, Decimal(conversion["factor"]))


def due(case: Case, rated: Rating, billed: Rating) -> Decimal:
    if case.get("round_each_snapshot"):
        return EXACT.subtract(rated.invoiced_amount, billed.invoiced_amount)
    amount = EXACT.subtract(rated.amount, billed.amount)
    return round_money(amount, case["currency"]) if "amount_dp" in case["expected"] else amount


def average(case: Case, amount: Decimal, billable: Decimal) -> Decimal | Fraction:
    """Return the amount per unit, over the units that the case names as the divisor."""
    units = billable if case.get("unit_divisor") == "paid_units" else Decimal(case.get("full_units", case["units"]))
    if not units or not amount:
        return ZERO
    exact = Fraction(amount) / Fraction(units)
    places = case["expected"].get("unit_amount_dp")
    return exact if places is None else round_to(exact, Decimal(1).scaleb(-places))


def packages(terms: PriceTerms, line: RatedLine) -> Figures:
    sold = sum((part.units for part in line.parts), ZERO)
    return {"free_units": terms.included, "paid_units": line.billable, "packages": sold}


def tier_differences(model: Charge, rated: Rating, billed: Rating) -> list[Figures]:
    """Return the amount of each tier in addition to its earlier billed amount."""
    if not isinstance(model, Graduated):
        return []
    before = {part.start: part for line in billed.lines for part in line.parts}
    climbed = []
    for number, part in enumerate(rated.lines[0].parts, start=1):
        earlier = before.get(part.start)
        units = part.units - (earlier.units if earlier else ZERO)
        flat = ZERO if earlier else part.flat_fee
        if units or flat:
            unit_total = units * part.unit_price
            climbed.append(
                {"tier": number, "units": units, "unit_total": unit_total, "flat": flat, "total": unit_total + flat}
            )
    return climbed


def on_events(case: Case) -> Figures:
    """Price by the value of the events, or by the cost that they carry."""
    params, model, events = case["params"], charge(case["kind"], case["params"]), case["events"] or []
    values = tuple(Decimal(event["value"]) for event in events)
    unit = minor_unit(case["currency"]) if params.get("event_price_unit") == "minor" else Decimal(1)
    carried = sum((Decimal(event["price"]) * unit for event in events if "price" in event), ZERO)
    usage = RateUsage(Decimal(case["units"]), len(events), values, carried)
    rating = rate_usage(PriceTerms(case["currency"], (RateTerms(ALL, (), model),)), {ALL: usage})
    amount = due(case, rating, NOTHING)
    (line,) = rating.lines
    paid = line.parts[0] if line.parts else None
    return {
        "amount": amount,
        "unit_amount": average(case, amount, line.billable),
        "breakdown": {
            "paid_units": paid.units if paid else ZERO,
            "free_units": line.quantity - (paid.units if paid else ZERO),
            "fixed_amount": paid.flat_fee if paid else ZERO,
            "rate_amount": paid.amount - paid.flat_fee if paid else ZERO,
            **_events_paid(model, paid.flat_fee if paid else ZERO, len(events)),
        },
    }


def _events_paid(model: Charge, fees: Decimal, events: int) -> Figures:
    """Return how many events paid their fixed fee, derived from the fees of the explanation."""
    if not isinstance(model, Percentage) or not model.fixed_fee:
        return {}
    paid = fees / model.fixed_fee
    return {"paid_events": paid, "free_events": events - paid}


def marked_up(case: Case) -> Figures:
    """Price at the cost carried by the events, or at usage already in money, times a factor."""
    if case["params"]["price_source"] == "event":
        return on_events(case)
    terms = PriceTerms(case["currency"], (RateTerms(ALL, (), charge("dynamic", case["params"])),))
    before = Decimal(case.get("prior_units", 0))
    if "cumulative_units" in case:
        now, before = Decimal(case["cumulative_units"]), Decimal(case["cumulative_units"]) - Decimal(case["units"])
    else:
        now = before + Decimal(case["units"])
    rated, billed = (rate_usage(terms, {ALL: RateUsage(units, carried=units)}) for units in (now, before))
    return {"amount": due(case, rated, billed)}


def prorated(case: Case) -> Figures:
    """Price units that are added and removed within a period: their time-weighted sum is priced by tiers."""
    terms = PriceTerms(case["currency"], (RateTerms(ALL, (), charge("graduated", case["params"])),))
    level = sum((Decimal(event["prorated_units"]) for event in case["events"]), ZERO)
    rating = rate_usage(terms, {ALL: level})
    amount = round_money(rating.amount, case["currency"])
    places = Decimal(1).scaleb(-case["expected"].get("unit_amount_dp", 2))
    units = sum((Decimal(event["units"]) for event in case["events"]), ZERO)
    per_unit = round_to(Fraction(rating.amount) / Fraction(units), places) if units > 0 else ZERO
    return {"amount": amount, "unit_amount": per_unit}


def base_plus_overage(case: Case) -> Figures:
    """Price a base fee, included units, and above them a charge or a hard cap; rounded once."""
    params = case["params"]
    overage = params.get("overage")
    included = EXACT.multiply(Decimal(params["included_units"]), Decimal(params.get("included_fraction", 1)))
    terms = PriceTerms(
        currency=case["currency"],
        rates=(RateTerms(ALL, (), charge(overage["model"], overage["params"]) if overage else PerUnit(ZERO)),),
        included=EXACT.add(included, free_units(overage["params"]) if overage else ZERO),
        model="hard_cap" if params.get("hard_cap") else "overage",
    )
    base = rate_usage(PriceTerms(case["currency"], (RateTerms(ALL, (), Flat(Decimal(params["base_amount"]))),)), {})
    usage = rate_usage(terms, {ALL: Decimal(case["units"])})
    amount = EXACT.add(base.amount, usage.amount)
    return {
        "amount": round_money(amount, case["currency"]) if "amount_dp" in case["expected"] else amount,
        "refused_units": usage.lines[0].refused,
        "chargeable_units": usage.lines[0].billable,
    }


def matrix(case: Case) -> Figures:
    """
    Price at rates by dimension: each event's units are priced at the most specific rate that matches its properties.
    """
    params = case["params"]
    rows = [(tuple(row["match"].items()), row) for row in params["rows"]]
    assert all(name in params["match_on"] for match, _ in rows for name, _ in match)
    if params["default"]:
        rows.append(((), params["default"]))
    rates = tuple(
        RateTerms(key, match, charge(row.get("model", "per_unit"), row.get("params", row)))
        for key, (match, row) in enumerate(rows)
    )
    used: dict[int | str, Decimal] = {}
    for event in case["events"]:
        rate = match_rate(rates, dict(event["properties"].items()))
        assert rate is not None, "no rate covers this event"
        used[rate.key] = EXACT.add(used.get(rate.key, ZERO), Decimal(event["value"]))
    rating = rate_usage(PriceTerms(case["currency"], rates), used)
    return {"amount": rating.invoiced_amount if "amount_dp" in case["expected"] else rating.amount}


def bucketed(case: Case) -> Figures:
    """Price each bucket of time on its own; or price the units above each bucket's allowance once."""
    params = case["params"]
    rates = (RateTerms(ALL, (), charge(params["model"], params["params"])),)
    included = Decimal(params.get("free_units_per_bucket", 0)) + free_units(params["params"])
    each = PriceTerms(case["currency"], rates, included=included)
    ratings = [rate_usage(each, {ALL: Decimal(event["value"])}) for event in case["events"]]
    billable = sum((rating.lines[0].billable for rating in ratings), ZERO)
    if params.get("price_once_on_total"):
        ratings = [rate_usage(PriceTerms(case["currency"], rates), {ALL: billable})]
    return {
        "amount": sum((rating.amount for rating in ratings), ZERO),
        "breakdown": {"billable_units": billable},
    }


def blocks(case: Case) -> Figures:
    """
    Price tiers of packages: free tiers determine how many units fall in each tier, whose package prices them.

    Graduated: each tier's units by its own package. Volume: all units by the package of the tier reached.
    """
    steps = case["params"]["tiers"]
    bounds, end = [], ZERO
    for step in steps[:-1]:
        end += Decimal(step["block_size"]) * Decimal(step["max_blocks"])
        bounds.append(end)
    ladder = tuple(PriceTier(bound, ZERO) for bound in [*bounds, None])
    model = Graduated(ladder) if case["kind"] == "graduated_blocks" else Volume(ladder)
    sold = [Package(Decimal(step["block_size"]), Decimal(step["block_amount"])) for step in steps]

    def tiers(units: Decimal) -> list[Figures]:
        return [
            {
                "tier": (number := bounds.index(part.end) if part.end is not None else len(bounds)) + 1,
                "total": sum((package.amount for package in sold[number].rate(part.units)), ZERO),
            }
            for part in model.rate(units)
        ]

    before = Decimal(case.get("prior_units", 0))
    now = tiers(before + Decimal(case["units"]))
    billed = sum((tier["total"] for tier in tiers(before)), ZERO)
    return {"amount": sum((tier["total"] for tier in now), ZERO) - billed, "breakdown": now}


RUNNERS: dict[str, Callable[[Case], Figures]] = {
    "flat": one_rate,
    "per_unit": one_rate,
    "package": one_rate,
    "graduated": one_rate,
    "volume": one_rate,
    "graduated_percentage": one_rate,
    "percentage": on_events,
    "prorated_graduated": prorated,
    "dynamic": marked_up,
    "base_plus_overage": base_plus_overage,
    "matrix": matrix,
    "bucketed": bucketed,
    "graduated_blocks": blocks,
    "volume_blocks": blocks,
}
