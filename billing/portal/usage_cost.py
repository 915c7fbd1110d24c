"""The cost of a meter's usage in the running periods, by day and by the values of each dimension."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

from billing.metering.usage.cost_split import (
    TooManyParts,
    UsagePart,
    has_cost_by_part,
    read_usage_parts,
    split_cost,
    weigh_parts,
)
from billing.metering.usage.current_usage import FeatureUsage, PeriodUsage
from billing.portal.date_ranges import Days
from invoices.portal.formats import PortalFigures
from lib.decimals import ZERO
from plans.models import Meter

Group = TypeVar("Group", bound=Hashable)


@dataclass(frozen=True, slots=True)
class MeterCost:
    """
    The usage of a meter in parts, and the cost of its features.

    features: of the running periods, each with its period and the currency of its cost; empty where the cost can't be
        split. has_days: whether the parts tell the days apart.
    """

    parts: list[UsagePart]
    features: list[tuple[int, str, FeatureUsage]]
    has_days: bool

    def by_value(self, dimension: str, values: Sequence[str], figures: PortalFigures) -> dict[str, str]:
        """Return the cost of each value of a dimension as text; empty if there is none."""
        return self._split(lambda part: part.dimensions.get(dimension) or "", values, figures)

    def by_day(self, days: Sequence[date], figures: PortalFigures) -> dict[date, str]:
        """Return the cost of each day as text; empty if there is none."""
        return self._split(lambda part: part.day, days, figures) if self.has_days else {}

    def total(self, figures: PortalFigures) -> str:
        """Return the cost so far as text."""
        totals: dict[str, Decimal] = defaultdict(Decimal)
        for _period_id, currency, feature in self.features:
            totals[currency] += _cost(feature)
        return " + ".join(figures.in_currency(amount, currency) for currency, amount in totals.items())

    def _split(
        self, group_of: Callable[[UsagePart], Group | None], groups: Sequence[Group], figures: PortalFigures
    ) -> dict[Group, str]:
        costs: dict[Group, dict[str, Decimal]] = {group: {} for group in groups}
        for period_id, currency, feature in self.features:
            counted = [part for part in self.parts if part.period_id == period_id]
            weights: dict[Group | None, Fraction] = defaultdict(Fraction)
            for part, weight in zip(counted, weigh_parts(feature, counted), strict=True):
                weights[group_of(part)] += weight
            amounts = split_cost(_cost(feature), currency, [weights[group] for group in groups])
            for group, amount in zip(groups, amounts, strict=True):
                costs[group][currency] = costs[group].get(currency, ZERO) + amount
        return {
            group: " + ".join(figures.in_currency(amount, currency) for currency, amount in by_currency.items())
            for group, by_currency in costs.items()
            if by_currency
        }


def read_meter_cost(meter: Meter, days: Days, running: Sequence[PeriodUsage]) -> MeterCost | None:
    """
    Return the usage of a meter on these days in parts, in one query; two for very many combinations of dimensions.

    running: the periods whose cost is split; none for earlier days. None if there are too many parts to read.
    """
    features = [
        (usage.period_id, feature.terms.wallet if feature.drawn is not None else usage.terms.currency, feature)
        for usage in running
        for feature in usage.features
        if feature.terms.meter_id == meter.pk
    ]
    if not all(has_cost_by_part(feature) for _period_id, _currency, feature in features):
        features = []
    for has_days in (True, False):
        try:
            parts = read_usage_parts(
                period_ids=days.period_ids or (),
                meter_id=meter.pk,
                since=days.since,
                until=days.until,
                zone=days.zone,
                by_day=has_days,
            )
        except TooManyParts:
            continue
        return MeterCost(parts, features, has_days)
    return None


def _cost(feature: FeatureUsage) -> Decimal:
    return feature.cost if feature.drawn is None else feature.drawn
