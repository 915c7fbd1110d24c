"""Runs a case of proration.json by our own shares, splits and billed amounts, by its kind."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from billing.closing.records import BilledFee
from invoices.amounts.totals import Tax
from lib.decimals import HALF_UP
from lib.money import round_money
from plans.pricing.calendar import Anchor, Interval, OutsideCalendar, boundary, iterate_periods, period_containing
from plans.pricing.included_credits import GrantPeriod, IncludedCreditRule, compute_grants
from plans.pricing.proration import prorate, share_of_interval
from tests.golden.case_figures import Figures
from tests.golden.cases import Case
from tests.golden.period_cases import DAY, moment, span
from tests.golden.termination import ending

TICK = timedelta(microseconds=1)
INTERVALS = {"monthly": Interval("month"), "quarterly": Interval("quarter"), "annual": Interval("year")}
DAYS_OF_EVERY_MONTH = 28
ZERO = Decimal(0)


def figures(case: Case) -> Figures:
    """Return the shares that we compute for a case."""
    return RUNNERS[case["kind"]](case)


def part_of(case: Case, full: tuple[datetime, datetime], start: datetime, end: datetime) -> Fraction:
    """Return the share of an interval that [start, end) covers, at the case's own precision."""
    by, zone = case["params"]["granularity"], ZoneInfo(case["timezone"])
    return share_of_interval(start, end, full_start=full[0], full_end=full[1], by=by, zone=zone)


def after_trial(case: Case, start: datetime, end: datetime) -> datetime:
    """Return the start of fees: a trial is a separate period, and the first paid period starts at its end."""
    trial = case["params"].get("trial")
    return min(max(start, moment(trial["start"]) + int(trial["days"]) * DAY), end) if trial else start


def partial_period(case: Case) -> Figures:
    params = case["params"]
    full, (start, end) = span(params["full_period"]), span(params["billed_period"])
    price, part = Decimal(params["plan_amount"]), part_of(case, full, after_trial(case, start, end), end)
    amount = prorate(price, part, case["currency"])
    exact = Fraction(price) * part
    tax = round_money(amount * Decimal(params.get("tax_percent", 0)) / 100, case["currency"])
    precise = HALF_UP.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    return {
        "amount": amount,
        "precise_amount": str(precise.quantize(Decimal(1).scaleb(-16)).normalize()),
        "tax": tax,
        "total": amount + tax,
    }


def plan_change(case: Case) -> Figures:
    """The former fee was billed from `old_billed_from` on; a change credits the part of it that is not used."""
    params, currency = case["params"], case["currency"]
    full, at = span(params["period"]), moment(params["change_at"])
    if params["granularity"] == "day":
        at = at.replace(hour=0, minute=0)
    since = moment(params.get("old_billed_from", params["period"]["start"]))
    old = Decimal(params["old_amount"]) * int(params.get("old_quantity", 1))
    new = Decimal(params["new_amount"]) * int(params.get("new_quantity", 1))
    claimed = prorate(old, part_of(case, full, since, full[1]), currency)
    claim = BilledFee(
        amount=claimed,
        net=claimed,
        quantity=Decimal(1),
        service_start=since,
        service_end=full[1],
        taxes=(Tax("", ZERO),),
        credited=claimed - Decimal(params.get("original_paid", claimed)) + Decimal(params.get("previous_credits", 0)),
    )
    used = prorate(old, part_of(case, full, since, at), currency)
    credit = -claim.credit_for(used - claimed, currency) if claimed else ZERO
    charge = prorate(new, part_of(case, full, at, full[1]), currency)
    net = charge - credit
    if params.get("tax_percent"):
        credit += round_money(credit * Decimal(params["tax_percent"]) / 100, currency)
    return {"credit": credit, "charge": charge, "net": net, "credit_includes_tax": "tax_percent" in params}


def credit_cap(case: Case) -> Figures:
    params = {name: Decimal(value) for name, value in case["params"].items()}
    paid = params["original_amount"]
    since, until = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    credited = params["previous_credits"]
    claim = BilledFee(paid, paid, Decimal(1), since, until, (Tax("", ZERO),), credited=credited)
    return {"credit": -claim.credit_for(min(-params["potential_credit"], ZERO), case["currency"])}


def billing_cycles(case: Case) -> Figures:
    """
    Return the cycles in advance until the target: whole periods and, for each stub, days over the days of its
    interval.
    """
    params, zone = case["params"], ZoneInfo(case["timezone"])
    start, target = moment(params["start"]), moment(params["target_date"])
    end = moment(params["end"]) if params["end"] else None
    anchor = anchor_of(case, start)
    assert case["params"]["billing_mode"] == "in_advance"
    try:
        period_containing(anchor, target, start=start)
        period_containing(anchor, start, start=start, end=end)
    except OutsideCalendar:
        return {"error": "invalid_date_sequence"}
    cycles, terms, whole = ZERO, [], 0
    for period in iterate_periods(anchor, start=start, until=target + TICK, end=end):
        full = boundary(anchor, period.n), boundary(anchor, period.n + 1)
        part = share_of_interval(period.start, period.end, full_start=full[0], full_end=full[1], by="day", zone=zone)
        cycles += HALF_UP.divide(Decimal(part.numerator), Decimal(part.denominator)).quantize(Decimal(1).scaleb(-9))
        whole += part == 1
        if part < 1:
            terms += [str(whole)] * bool(whole) + [f"{(period.end - period.start).days}/{(full[1] - full[0]).days}"]
            whole = 0
    terms += [str(whole)] * bool(whole or not terms)
    return {"cycles": cycles, "cycles_fraction": "+".join(terms)}


def anchor_of(case: Case, start: datetime) -> Anchor:
    """Return the anchor of a billing day near the start, in a month that has the day, so that it is not clamped."""
    interval, day = INTERVALS[case["params"]["billing_period"]], int(case["params"]["bill_cycle_day"])
    months = start.year * 12 + start.month - 1
    while day > DAYS_OF_EVERY_MONTH and (months % 12) not in (0, 2, 4, 6, 7, 9, 11):
        months -= interval.months
    return Anchor(
        "anniversary",
        start.replace(year=months // 12, month=months % 12 + 1, day=day),
        interval,
        ZoneInfo(case["timezone"]),
    )


def day_count(case: Case) -> Figures:
    """Return the days as shares count them: by the customer's calendar."""
    start, end = moment(case["params"]["start"]), moment(case["params"]["end"])
    far = end + 400 * DAY
    zone = ZoneInfo(case["timezone"])
    days = (far.astimezone(zone).date() - start.astimezone(zone).date()).days
    ours = share_of_interval(start, end, full_start=start, full_end=far, by="day", zone=zone) * days
    return {"days": str(ours), "days_by_local_date": str(ours)}


def credit_grant(case: Case) -> Figures:
    """Return the credits for the rest of a period, after a change to the version that includes them."""
    params = case["params"]
    start, end = span(params["period"])
    anchor = Anchor("anniversary", start, Interval("month"), ZoneInfo(case["timezone"]))
    at, rule, by = moment(params["change_at"]), IncludedCreditRule(Decimal(params["credits"])), params["granularity"]
    if at >= end:  # the period is over: nothing remains to be granted
        return {"credits": ZERO}
    return {"credits": sum(slot.units for slot in compute_grants(rule, GrantPeriod(at, end, anchor, by)))}


def factor(case: Case) -> Figures:
    full, billed = span(case["params"]["full_period"]), span(case["params"]["billed_period"])
    part = part_of(case, full, *billed)
    nine = HALF_UP.divide(Decimal(part.numerator), Decimal(part.denominator)).quantize(Decimal(1).scaleb(-9))
    return {"factor": nine, "factor_fraction": str(part)}


RUNNERS: dict[str, Callable[[Case], Figures]] = {
    "termination_credit": ending,
    "partial_period": partial_period,
    "plan_change": plan_change,
    "billing_cycles": billing_cycles,
    "credit_cap": credit_cap,
    "day_count": day_count,
    "credit_grant": credit_grant,
    "factor": factor,
}
