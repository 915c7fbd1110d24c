"""The plans of a scenario in our terms: published versions with their fees, features, prices and packs."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from plans.models import Feature
from tests.builders import (
    commitment,
    fee,
    make_feature,
    make_meter,
    make_pack,
    make_plan,
    offer,
    publish,
    rate,
    threshold,
    tier,
)
from tests.golden.cases import Case

LONG_AGO = datetime(2010, 1, 1, tzinfo=UTC)

ANNIVERSARY_UNLESS_SAID = {"killbill/killbill"}
"""Systems that count periods from the day of the start where a case does not say; the others go by the calendar."""

BASE_FEE = "base-fee"
HELD = "Held: "
"""How the label of a fee for held units begins, before the metric."""
AGGREGATIONS = {"count": "count", "sum": "sum", "unique_count": "unique", "weighted_sum": "weighted_sum"}

Described = dict[str, Any]


def offer_plans(case: Case) -> None:
    """
    Publish a case's plans.

    All of them prorate by day, as the cases' systems do, unless the case says that held units are not prorated; and
    bill the usage of a trial.
    """
    for plan in case["setup"]["plans"]:
        held = [charge for charge in plan["charges"] if is_held(charge)]
        minimum = plan.get("minimum_commitment")
        amount, billed = Decimal(plan["amount"]), "advance" if plan["pay_in_advance"] else "arrears"
        version = make_plan(
            plan["code"],
            fees=[
                *([fee(amount, currency=case["currency"], code=BASE_FEE, billed=billed)] if amount else []),
                *(_fee_of_held_units(charge, case["currency"]) for charge in held),
            ],
            offers=[*_offers(case, plan)],
            commitments=[commitment(minimum, currency=case["currency"])] if minimum else [],
            thresholds=[
                threshold(step["amount"], currency=case["currency"], repeats=step["recurring"])
                for step in plan.get("usage_thresholds", ())
            ],
            interval=plan["interval"],
            anchor=anchor_of(case),
            proration="day" if all(charge["prorated"] for charge in held) else "none",
            trial_days=int(plan.get("trial_days", 0)),
            trial_usage="billed",
        )
        publish(version, at=LONG_AGO)
        _make_pack(case, plan)


def anchor_of(case: Case) -> str:
    """Return the anchor that the periods of a case's subscriptions count from."""
    billing_times = [step["billing_time"] for step in case["steps"] if "billing_time" in step]
    assert len({*billing_times}) < 2
    otherwise = "anniversary" if case["source"]["repo"] in ANNIVERSARY_UNLESS_SAID else "calendar"
    return billing_times[0] if billing_times else otherwise


def _offers(case: Case, plan: Described) -> Iterator[Described]:
    for charge in plan["charges"]:
        if is_held(charge):
            continue
        params = charge["params"]
        yield offer(
            _feature(case, charge),
            included=params.get("included_units") or params.get("free_units") or 0,
            rates=[*_rates(charge["model"], params)],
            currency=case["currency"],
            minimum=charge.get("minimum"),
            consumption="balance" if plan.get("prepaid") else "overage",
        )
    if "credit_pack" in plan:  # each event has its number of credits
        for metric in dict.fromkeys(step["metric"] for step in case["steps"] if "metric" in step):
            meter = make_meter(metric, aggregation="sum", value_property="credits")
            feature = make_feature(metric, meter=meter)
            yield offer(feature, rates=[rate(1)], currency="XCR", consumption="credits")


def is_held(charge: Described) -> bool:
    """
    Return whether a charge is for units that a subscription holds, at one price: with us a fee for each seat.

    They carry over from period to period (`recurring`), and the case says whether a part of a period is a part of the
    price (`prorated`).
    """
    return bool(charge.get("recurring")) and "prorated" in charge and charge["model"] == "per_unit"


def _fee_of_held_units(charge: Described, currency: str) -> Described:
    price, label = charge["params"]["unit_amount"], HELD + charge["metric"]
    return fee(price, currency=currency, basis="seat", code=charge["metric"], label=label, billed="arrears")


def is_level(charge: Described) -> bool:
    """Return whether a charge is for a level over time, prorated for each unit."""
    prorated = charge.get("recurring") and charge.get("prorated") and not is_held(charge)
    return charge["aggregation"] == "weighted_sum" or bool(prorated)


def _feature(case: Case, charge: Described) -> Feature:
    """Return the feature of a metric, with its meter; what is recurring and prorated is a level over time."""
    is_unique = charge["aggregation"] == "unique_count"
    aggregation = "weighted_sum" if is_level(charge) and not is_unique else AGGREGATIONS[charge["aggregation"]]
    facts: Described = {"aggregation": aggregation, "dimensions": charge["params"].get("match_on", [])}
    if is_unique:
        name = distinguishing_property(case, charge["metric"])
        facts |= distinct_values(name) | {"held_by": "day" if is_level(charge) else ""}
    elif aggregation != "count":
        facts["value_property"] = "value"
    if charge["model"] == "dynamic":
        facts["price_property"] = "price"
    meter = make_meter(charge["metric"], recurring=charge.get("recurring", False), **facts)
    return make_feature(charge["metric"], meter=meter)


def distinguishing_property(case: Case, metric: str) -> str:
    """Return the property whose values a metric counts: the one other than the operation."""
    sent = [step["properties"] for step in case["steps"] if step.get("metric") == metric]
    (name,) = {name for properties in sent for name in properties} - {"operation_type"}
    return name


def distinct_values(name: str) -> Described:
    """Return what a meter reads that counts the values which came and did not go."""
    return {"value_property": name, "operation_property": "operation_type"}


def _rates(model: str, params: Described) -> Iterator[Described]:
    if model == "matrix":
        yield from (rate(row["unit_amount"], match=dict(row["match"].items())) for row in params["rows"])
        if params["default"]:
            yield rate(params["default"]["unit_amount"])
    elif model == "per_unit":
        yield rate(params.get("unit_amount") or params["overage_unit_amount"])
    elif model == "percentage":
        free = {"free_events": int(params.get("free_events", 0)), "free_value": Decimal(params.get("free_total", 0))}
        yield rate(model=model, percent=Decimal(params["rate"]), fixed_fee=Decimal(params["fixed_amount"]), **free)
    elif model == "dynamic":
        assert (params["price_source"], params["event_price_unit"]) == ("event", "minor")
        yield rate(model=model, cost_source="event")
    elif model == "package":
        size, rounding = params["package_size"], params["rounding"]
        yield rate(params["package_amount"], model="package", package_size=size, package_rounding=rounding)
    else:
        steps = [
            tier(tier_params["up_to"], tier_params["unit_amount"], tier_params["flat_amount"])
            for tier_params in params["tiers"]
        ]
        yield rate(model=model, tiers=steps)


def _make_pack(case: Case, plan: Described) -> None:
    """Put on sale the pack that fills the wallet of a prepaid plan: credits, or money at face value."""
    if "credit_pack" in plan:
        pack = plan["credit_pack"]
        make_pack(plan["code"], units=pack["credits"], prices={case["currency"]: pack["price"]})
    elif plan.get("prepaid"):
        bounds = {"least_units": 1, "most_units": 1000}
        make_pack(plan["code"], units=None, unit="money", prices={case["currency"]: 1}, **bounds)
