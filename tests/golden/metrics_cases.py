"""Runs a case of metrics.json by our own arithmetic, by the keys of its inputs."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

from lib.money import round_money, round_to
from plans.metrics import monthly_amounts, retention
from plans.metrics.monthly_amounts import PermanentDiscount, RecurringFee, gross_fees, interval_months, net_fees
from plans.metrics.movements import movement
from plans.metrics.usage_outlook import forecast, usage_margin, usage_run_rate
from tests.golden.case_figures import Figures
from tests.golden.cases import Case

CURRENCY = "USD"
"""Of the cases, which name none: all have two decimals."""

HALF_YEAR = ("month", 6)
TENTH = Decimal("0.1")


def figures(case: Case) -> Figures:
    """Return the metrics that our arithmetic computes for a case."""
    return RUNNERS[case["kind"]](case)


def _by_inputs(case: Case) -> Figures:
    """Run a case by the runner that reads the most of its inputs; a key that it leaves unread fails the run."""
    inputs = case["inputs"]
    readable = [keys for keys in RUNNERS_BY_KEYS if {*keys.split()} <= {*dict.keys(inputs)}]
    return RUNNERS_BY_KEYS[max(readable, key=lambda keys: len(keys.split()))](inputs)


def money(amount: Fraction | Decimal) -> str:
    return str(round_money(amount, CURRENCY))


def percent(share: Fraction | None) -> str:
    assert share is not None
    return str(round_to(retention.to_percent(share), TENTH))


def monthly(amount: str, unit: str, quantity: int = 1) -> Fraction:
    interval = HALF_YEAR if unit == "half-year" else (unit, 1)
    return RecurringFee(Decimal(amount) * quantity, interval_months(*interval)).monthly


def bought(inputs: Case) -> Fraction:
    return sum((monthly(row["amount"], row["unit"], int(row["qty"])) for row in inputs["bought"]), Fraction(0))


def move(opening: Fraction, closing: Fraction, *, before: bool = True) -> Figures:
    """Return the movement by its kind."""
    found = movement(opening, closing, had_revenue_before=before)
    return {found.kind: money(Fraction(found.amount))} if found else {}


def _churned_revenue(inputs: Case) -> Figures:
    canceled = monthly(inputs["cancelled"]["amount"], inputs["cancelled"]["unit"])
    before, after = map(Fraction, inputs["downgrade"])
    pairs = ((canceled, Fraction(0)), (before, after))
    losses = [movement(*pair, had_revenue_before=True) for pair in pairs]
    assert [loss.kind for loss in losses if loss] == ["churn", "contraction"]
    return {"churned_revenue": money(-sum((Fraction(loss.amount) for loss in losses if loss), Fraction(0)))}


def _survivors(inputs: Case) -> Figures:
    periods = 5
    left = retention.expected_survivors(int(inputs["cohort"]), Fraction(inputs["churn_percent"]) / 100, periods)
    return {"left": [str(round_to(count, Decimal(1))) for count in left]}


def _cohort_revenue(inputs: Case) -> Figures:
    size, churned, upgraded = (int(inputs[key]) for key in ("cohort", "churned", "upgraded"))
    then = {str(number): Fraction(inputs["amount"]) for number in range(size)}
    left = {name: amount for name, amount in then.items() if int(name) >= churned}
    now = left | {name: Fraction(inputs["to"]) for name in [*left][:upgraded]}
    found = retention.retention(then, now)
    return {"opening": money(found.then), "closing": money(found.now)}


def _trial_conversion(inputs: Case) -> Figures:
    return {"rate_percent": percent(retention.ratio(int(inputs["converted"]), int(inputs["ended"])))}


def _discounts(inputs: Case) -> Figures:
    fees = [RecurringFee(Decimal(inputs["amount"]), interval_months(inputs["unit"]))]
    coupon = PermanentDiscount(percent=Decimal(inputs["coupon_percent"]))
    return {"for_ever": money(net_fees(fees, [coupon])), "repeating": money(net_fees(fees, []))}


def _coupon_of_mrr(inputs: Case) -> Figures:
    """Return MRR with a coupon that has no end, which is net of it; the gross figure stands beside it."""
    fees = [RecurringFee(Decimal(inputs["amount"]), Fraction(1))]
    coupon = PermanentDiscount(percent=Decimal(inputs["coupon_percent"]))
    return {"mrr": money(net_fees(fees, [coupon])), "gross": money(gross_fees(fees))}


def _first_purchase(inputs: Case) -> Figures:
    """Return the movement from nothing to the bought amount: the first time and after a churn."""
    amount = bought(inputs)
    return move(Fraction(0), amount, before=False) | move(Fraction(0), amount, before=True)


def _further_purchase(inputs: Case) -> Figures:
    held = Fraction(inputs["held"])
    return move(held, held + bought(inputs)) | {"mrr": money(held + bought(inputs))}


def _partial_end(inputs: Case) -> Figures:
    held, ended = Fraction(inputs["held"]), Fraction(inputs["ended"])
    return move(held, held - ended) | {"mrr": money(held - ended)}


def _whole_end(inputs: Case) -> Figures:
    return move(Fraction(inputs["held"]), Fraction(0)) | {"mrr": money(Fraction(0))}


def _normalized(inputs: Case) -> Figures:
    return {"mrr": [money(monthly(amount, unit)) for amount, unit in inputs["plans"]]}


def _upgrade_then_end(inputs: Case) -> Figures:
    before, after = map(Fraction, inputs["march"])
    closing = Fraction(0) if inputs["april"] == "ended" else after
    return {
        "2026-03": {"opening": money(before), **move(before, after), "closing": money(after)},
        "2026-04": {"opening": money(after), **move(after, closing), "closing": money(closing)},
    }


def _weekly_fees(inputs: Case) -> Figures:
    amount = monthly(inputs["fee_per_week"], "week", int(inputs["customers"]))
    return {"lago": money(amount), "right": money(amount)}


def _expansion_rate(inputs: Case) -> Figures:
    """Return the expansion rate, which with us needs the expansion itself: the growth holds other movements, too."""
    assert Decimal(inputs["opening"]) != Decimal(inputs["closing"])
    return {"rate_percent": None}


def _contractual(inputs: Case) -> Figures:
    committed = monthly(inputs["membership_per_year"], "year") + monthly(inputs["minimum_per_quarter"], "quarter")
    empirical = inputs["empirical"]
    return {
        "contractual_arr": money(monthly_amounts.annual(committed)),
        "empirical_mrr": money(monthly(empirical["price"], "month", int(empirical["times_a_month"]))),
    }


def _run_rate(inputs: Case) -> Figures:
    found = usage_run_rate([Decimal(revenue) for revenue in inputs["usage_revenue"]])
    return {"by_quarter": money(found.by_quarter), "by_month": money(found.by_month)}


def _committed(inputs: Case) -> Figures:
    seats = inputs["seats"]
    fees = [
        RecurringFee(Decimal(inputs["base"][0]), interval_months(inputs["base"][1])),
        RecurringFee(Decimal(seats["price"]) * int(seats["held"]), interval_months(seats["unit"])),
    ]
    coupon = PermanentDiscount(percent=Decimal(inputs["coupon_for_ever_percent"]))
    net, commitment = net_fees(fees, [coupon]), monthly(*inputs["commitment"])
    mrr = net + commitment
    return {
        "fees": money(net),
        "commitment": money(commitment),
        "mrr": money(mrr),
        "arr": money(monthly_amounts.annual(mrr)),
    }


def _forecast(inputs: Case) -> Figures:
    days, gone, fees = int(inputs["days"]), int(inputs["gone"]), Fraction(inputs["fees_month"])
    earned = fees * gone / days
    found = forecast(
        recognized=earned + Fraction(inputs["usage_so_far"]),
        fees_to_come=fees - earned,
        windows=[Fraction(inputs["usage_last_7_days"])],
        days_left=days - gone,
    )
    return {"forecast": money(found.likely)}


def _fee_margin(inputs: Case) -> Figures:
    return _margin(inputs, inputs["fee"])


def _pack_margin(inputs: Case) -> Figures:
    per_credit = Fraction(inputs["price"]) / Fraction(inputs["units"])
    return _margin(inputs, inputs["price"]) | {"per_credit": money(per_credit)}


def _margin(inputs: Case, revenue: str) -> Figures:
    units, unit_cost = Fraction(inputs["units"]), Fraction(inputs["unit_cost"])
    found = usage_margin(Fraction(revenue), units=units, unit_cost=unit_cost)
    assert found.percent is not None
    return {
        "cost": money(units * unit_cost),
        "margin": money(found.amount),
        "percent": str(round_to(found.percent, TENTH)),
    }


RUNNERS_BY_KEYS: dict[str, Callable[[Case], Figures]] = {
    "cancelled downgrade": _churned_revenue,
    "cohort churn_percent": _survivors,
    "cohort amount churned upgraded to": _cohort_revenue,
    "converted ended": _trial_conversion,
    "amount unit coupon_percent": _discounts,
    "amount coupon_percent": _coupon_of_mrr,
    "bought": _first_purchase,
    "held bought": _further_purchase,
    "held ended": _partial_end,
    "held": _whole_end,
    "plans": _normalized,
    "march april": _upgrade_then_end,
    "customers fee_per_week invoices_each": _weekly_fees,
    "opening closing": _expansion_rate,
    "membership_per_year minimum_per_quarter empirical": _contractual,
    "usage_revenue": _run_rate,
    "base seats commitment coupon_for_ever_percent": _committed,
    "days gone fees_month usage_so_far usage_last_7_days": _forecast,
    "fee units unit_cost": _fee_margin,
    "price units unit_cost": _pack_margin,
}
"""The keys of the inputs → the runner."""

RUNNERS: dict[str, Callable[[Case], Figures]] = {"life": _by_inputs}
