"""
Unit costs: the seller's own cost of usage over time.

The costs of the same usage (meter, dimensions, currency) follow one another: a new cost ends the previous one, and
ends itself where the next one begins.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext

from lib.audit_log import audited_transaction
from lib.decimals import EXACT
from plans.models import Meter, UnitCost
from plans.pricing.cost_rates import CostRate as Cost
from plans.pricing.cost_rates import charges_unit_cost, find_cost
from plans.pricing.rating import RateTerms, RateUsage
from plans.pricing.validation import InvalidCharge, check_price

COUNTED_USAGE_TRIGGER = "counted_usage_keeps_its_cost"
"""Prefix of the message of billing's trigger that protects the cost of usage that is already counted."""


class CostRefused(ValueError):
    """A unit cost cannot be recorded, ended or removed as requested; the text gives the reason and the remedy."""


def record_cost(
    *,
    meter: Meter,
    match: dict[str, str],
    currency: str,
    cost: Decimal,
    valid_from: datetime,
    by: User | None,
    at: datetime,
    valid_to: datetime | None = None,
    note: str = "",
) -> UnitCost:
    """
    Record a unit cost from a time on; recording it again from the same time corrects it.

    valid_to: None = until the next cost of the same usage begins. The cost in force at `valid_from` ends there.

    :raises CostRefused: if the meter lacks a dimension, the end is not after the start, the cost is invalid, or usage
        was already counted by the cost that this would change.
    """
    _check_figures(meter, match, cost, valid_from, valid_to)
    try:
        with audited_transaction("record unit cost", by=by, at=at):
            # Row lock on the meter: two costs recorded at once must not both adjust the same neighbor.
            Meter.objects.select_for_update(no_key=True).get(pk=meter.pk)
            other_costs = UnitCost.objects.of(meter_id=meter.pk, match=match, currency=currency)
            other_costs.in_force(valid_from).filter(valid_from__lt=valid_from).update(valid_to=valid_from)
            next_cost = other_costs.filter(valid_from__gt=valid_from).order_by("valid_from").first()
            ends = [end for end in (valid_to, next_cost.valid_from if next_cost else None) if end is not None]
            figures = {"cost": cost, "valid_to": min(ends, default=None), "note": note}
            same = other_costs.filter(valid_from=valid_from)
            if not same.filter(**figures).exists() and not same.update(**figures):
                same.create(meter=meter, match=match, currency=currency, valid_from=valid_from, **figures)
            return same.get()
    except IntegrityError as error:
        raise _to_refusal(error) from error


def check_cost(**arguments: Any) -> None:
    """
    Check a cost by recording it and rolling back.

    :raises CostRefused: as `record_cost` would.
    """
    with transaction.atomic():
        record_cost(**arguments, by=None, at=timezone.now())
        transaction.set_rollback(True)


def remove_cost(*, cost: UnitCost, by: User | None, at: datetime) -> None:
    """
    Remove a cost by which no usage was counted; the previous cost is not extended.

    :raises CostRefused: if usage was counted by it.
    """
    try:
        with audited_transaction("remove unit cost", by=by, at=at):
            cost.delete()
    except IntegrityError as error:
        raise _to_refusal(error) from error


def usage_at_cost(
    rate: RateTerms, quantity: Decimal, dimensions: Mapping[str, str], *, costs: Sequence[Cost], at: datetime
) -> RateUsage:
    """
    Return a quantity as the usage of a single event with these dimensions at a rate, for examples and previews.

    costs: of the meter in the price's currency; a rate that charges unit costs uses the one in force at `at`.

    :raises CostRefused: if none is in force.
    """
    usage = RateUsage.from_one_event(quantity)
    if not charges_unit_cost(rate.charge):
        return usage
    cost = find_cost(costs, dimensions, at)
    if cost is None:
        raise CostRefused(f"{rate.label}: no unit cost is in force for this usage, so its price can't be calculated.")
    return replace(usage, carried=EXACT.multiply(quantity, cost.cost))


def to_cost_rates(costs: Iterable[UnitCost]) -> tuple[Cost, ...]:
    """Return stored costs as input for the pure functions, the first recorded first."""
    ordered = sorted(costs, key=lambda cost: cost.pk)
    return tuple(
        Cost(tuple(sorted(cost.match.items())), cost.cost, cost.valid_from, cost.valid_to) for cost in ordered
    )


def _check_figures(
    meter: Meter, match: dict[str, str], cost: Decimal, valid_from: datetime, valid_to: datetime | None
) -> None:
    try:
        check_price(cost, subject="The cost")
    except InvalidCharge as error:
        raise CostRefused(str(error)) from error
    dimensions = {*meter.dimensions, meter.reading_dimension} - {""}
    if unknown := sorted(match.keys() - dimensions):
        dimension_list = ", ".join(sorted(dimensions)) or "none"
        raise CostRefused(
            gettext(
                "%(meter)s has no dimension “%(dimension)s”, so no usage would match. Its dimensions are"
                " %(dimensions)s."
            )
            % {"meter": meter, "dimension": unknown[0], "dimensions": dimension_list}
        )
    if valid_to is not None and valid_to <= valid_from:
        raise CostRefused(gettext("The end must be after the start; enter a later end, or leave it empty."))


def _to_refusal(error: IntegrityError) -> Exception:
    """
    Return a `CostRefused` with the trigger's message if the trigger raised the error; otherwise the error itself.
    """
    message = str(error)
    if COUNTED_USAGE_TRIGGER not in message:
        return error
    return CostRefused(message.partition(f"{COUNTED_USAGE_TRIGGER}: ")[2].partition("\n")[0])
