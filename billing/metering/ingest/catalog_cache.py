"""This process's copy of the meters, current as of a revision that every batch is checked against."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from plans.aggregation.expressions import Expression, InvalidExpression, NoValue, compile_expression
from plans.catalog.stored_terms import MeteringTerms, metering_terms
from plans.costs.unit_costs import to_cost_rates
from plans.models import CatalogRevision, Meter, MeterReading
from plans.models import UnitCost as UnitCostRow
from plans.models.meters import Aggregation
from plans.pricing.cost_rates import CostRate

Path = tuple[str, ...]
Filter = tuple[Path, frozenset[str]]
"""A property, and the texts of it that match."""


@dataclass(frozen=True, slots=True)
class ValueReading:
    """
    One value to take from an event: where it stands or what computes it (neither where events are counted), and the
    dimension value it is filed under, if any.
    """

    path: Path | None
    dimension_value: str | None
    expression: Expression | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CachedMeter:
    """
    A meter, ready to be applied to events. Two copies are never equal: one read later may mean something else.

    costs: currency → the unit costs of all times.
    """

    id: int
    name: str
    metering: MeteringTerms
    filters: tuple[Filter, ...]
    excludes: tuple[tuple[Filter, ...], ...]
    operation: Path | None
    price: Path | None
    dimensions: tuple[tuple[str, Path], ...]
    reading_dimension: str
    readings: tuple[ValueReading, ...]
    costs: Mapping[str, tuple[CostRate, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class EventMeters:
    """The meters that count events of one name, and every property that their filters and dimensions look at."""

    meters: tuple[CachedMeter, ...]
    paths: tuple[Path, ...]

    def read_texts(self, properties: Mapping[str, Any]) -> tuple[str, ...]:
        """Return those properties of an event as text: events of the same texts go the same way."""
        found = []
        for path in self.paths:
            value = properties.get(path[0]) if len(path) == 1 else look_up(properties, path)
            found.append(value if type(value) is str else to_text(value))
        return tuple(found)


@dataclass(slots=True)
class CachedCatalog:
    revision: int = -1
    by_event: dict[str, EventMeters] = field(default_factory=dict)


_copy = CachedCatalog()


def get_catalog() -> CachedCatalog:
    """Return the process's copy, reading it first if there is none yet."""
    return _copy if _copy.revision >= 0 else refresh()


def clear() -> None:
    """Drop what this process remembers of the catalog."""
    global _copy
    _copy = CachedCatalog()


def refresh() -> CachedCatalog:
    """Read the catalog anew. The revision is read first, so a change in between shows as an old revision later."""
    global _copy
    revision = CatalogRevision.objects.values_list("revision", flat=True).get()
    by_event: dict[str, tuple[CachedMeter, ...]] = {}
    for meter in Meter.objects.prefetch_related("readings", "unit_costs").order_by("id"):
        by_event[meter.event_name] = (*by_event.get(meter.event_name, ()), prepare_meter(meter, meter.readings.all()))
    _copy = CachedCatalog(revision, {name: _together(meters) for name, meters in by_event.items()})
    return _copy


def _together(meters: tuple[CachedMeter, ...]) -> EventMeters:
    paths = {
        path for meter in meters for path, _ in (*meter.filters, *(one for each in meter.excludes for one in each))
    }
    paths |= {path for meter in meters for _, path in meter.dimensions}
    return EventMeters(meters, tuple(sorted(paths)))


def prepare_meter(meter: Meter, rows: Iterable[MeterReading]) -> CachedMeter:
    """Return a meter ready to be applied; meter and rows may be unsaved, as in a form's try it."""
    if meter.aggregation == Aggregation.COUNT:
        readings: tuple[ValueReading, ...] = (ValueReading(None, None),)
    elif meter.reading_dimension:
        readings = tuple(
            ValueReading(_path(row.value_property), row.dimension_value)
            for row in sorted(rows, key=lambda row: row.id or 0)
        )
    elif meter.expression:
        readings = (ValueReading(None, None, _expression(meter.expression)),)
    else:
        readings = (ValueReading(_path(meter.value_property), None),)
    return CachedMeter(
        id=meter.id or 0,
        name=meter.name,
        metering=metering_terms(meter),
        filters=_filters(meter.filters),
        excludes=tuple(_filters(one) for one in meter.excludes),
        operation=_path(meter.operation_property) if meter.operation_property else None,
        price=_path(meter.price_property) if meter.price_property else None,
        dimensions=tuple((name, _path(name)) for name in meter.dimensions),
        reading_dimension=meter.reading_dimension,
        readings=readings,
        costs=_costs(meter.unit_costs.all() if meter.pk else ()),
    )


def _expression(text: str) -> Expression:
    """Return an expression compiled; one that cannot be gives no event a value, and costs the others nothing."""
    try:
        return compile_expression(text)
    except InvalidExpression as error:
        why = f"its expression cannot be read. {error}"

        def refuse(properties: Mapping[str, Any]) -> Any:
            raise NoValue(why)

        return Expression(text, refuse)


def _costs(stored: Iterable[UnitCostRow]) -> Mapping[str, tuple[CostRate, ...]]:
    by_currency: dict[str, list[UnitCostRow]] = {}
    for one in stored:
        by_currency.setdefault(str(one.currency), []).append(one)
    return {currency: to_cost_rates(rows) for currency, rows in by_currency.items()}


def _filters(stored: Mapping[str, Any]) -> tuple[Filter, ...]:
    return tuple((_path(name), frozenset(map(to_text, wanted))) for name, wanted in stored.items())


def _path(dotted: str) -> Path:
    return tuple(dotted.split("."))


def look_up(properties: Mapping[str, Any], path: Path) -> Any:
    """Return the property at a dotted path, or None where there is none."""
    found: Any = properties.get(path[0])
    for name in path[1:]:
        if not isinstance(found, dict):
            return None
        found = found.get(name)
    return found


def to_text(value: Any) -> str:
    """Return a property as the text that filters and dimensions compare: true, 1.5, gpt-4o; empty if absent."""
    if type(value) is str:
        return value
    if value is None or isinstance(value, dict | list):
        return ""
    if value is True or value is False:
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else f"{value:f}"
