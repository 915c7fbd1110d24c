"""This process's copy of the meters, current as of a revision that every batch is checked against."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from plans.aggregation.expressions import BadExpression, Expression, NoValue, compiled
from plans.catalog.stored_terms import Metering, metering_of
from plans.costs.unit_costs import as_costs
from plans.models import CatalogRevision, Meter, MeterReading
from plans.models import UnitCost as UnitCostRow
from plans.models.meters import Aggregation
from plans.pricing.cost_rates import UnitCost

Path = tuple[str, ...]
Filter = tuple[Path, frozenset[str]]
"""A property, and the texts of it that match."""


@dataclass(frozen=True, slots=True)
class Reading:
    """
    One value to take from an event: where it stands or what computes it (neither where events are counted), and the
    dimension value it is filed under, if any.
    """

    path: Path | None
    dimension_value: str | None
    expression: Expression | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MeterCopy:
    """
    A meter, ready to be applied to events. Two copies are never equal: one read later may mean something else.

    costs: currency → the unit costs of all times.
    """

    id: int
    name: str
    metering: Metering
    filters: tuple[Filter, ...]
    excludes: tuple[tuple[Filter, ...], ...]
    operation: Path | None
    price: Path | None
    dimensions: tuple[tuple[str, Path], ...]
    reading_dimension: str
    readings: tuple[Reading, ...]
    costs: Mapping[str, tuple[UnitCost, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class EventMeters:
    """The meters that count events of one name, and every property that their filters and dimensions look at."""

    meters: tuple[MeterCopy, ...]
    paths: tuple[Path, ...]

    def texts_of(self, properties: Mapping[str, Any]) -> tuple[str, ...]:
        """Return those properties of an event as text: events of the same texts go the same way."""
        found = []
        for path in self.paths:
            value = properties.get(path[0]) if len(path) == 1 else look_up(properties, path)
            found.append(value if type(value) is str else as_text(value))
        return tuple(found)


@dataclass(slots=True)
class CatalogCopy:
    revision: int = -1
    by_event: dict[str, EventMeters] = field(default_factory=dict)


_copy = CatalogCopy()


def current() -> CatalogCopy:
    """Return the process's copy, reading it first if there is none yet."""
    return _copy if _copy.revision >= 0 else refresh()


def forget() -> None:
    """Drop what this process remembers of the catalog."""
    global _copy
    _copy = CatalogCopy()


def refresh() -> CatalogCopy:
    """Read the catalog anew. The revision is read first, so a change in between shows as an old revision later."""
    global _copy
    revision = CatalogRevision.objects.values_list("revision", flat=True).get()
    by_event: dict[str, tuple[MeterCopy, ...]] = {}
    for meter in Meter.objects.prefetch_related("readings", "unit_costs").order_by("id"):
        by_event[meter.event_name] = (*by_event.get(meter.event_name, ()), copy_of(meter, meter.readings.all()))
    _copy = CatalogCopy(revision, {name: _together(meters) for name, meters in by_event.items()})
    return _copy


def _together(meters: tuple[MeterCopy, ...]) -> EventMeters:
    paths = {
        path for meter in meters for path, _ in (*meter.filters, *(one for each in meter.excludes for one in each))
    }
    paths |= {path for meter in meters for _, path in meter.dimensions}
    return EventMeters(meters, tuple(sorted(paths)))


def copy_of(meter: Meter, several: Iterable[MeterReading]) -> MeterCopy:
    """Return a meter ready to be applied; meter and readings may be unsaved, as in a form's try it."""
    if meter.aggregation == Aggregation.COUNT:
        readings: tuple[Reading, ...] = (Reading(None, None),)
    elif meter.reading_dimension:
        readings = tuple(
            Reading(_path(one.value_property), one.dimension_value)
            for one in sorted(several, key=lambda one: one.id or 0)
        )
    elif meter.expression:
        readings = (Reading(None, None, _expression(meter.expression)),)
    else:
        readings = (Reading(_path(meter.value_property), None),)
    return MeterCopy(
        id=meter.id or 0,
        name=meter.name,
        metering=metering_of(meter),
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
        return compiled(text)
    except BadExpression as error:
        why = f"its expression cannot be read. {error}"

        def refuse(properties: Mapping[str, Any]) -> Any:
            raise NoValue(why)

        return Expression(text, refuse)


def _costs(stored: Iterable[UnitCostRow]) -> Mapping[str, tuple[UnitCost, ...]]:
    by_currency: dict[str, list[UnitCostRow]] = {}
    for one in stored:
        by_currency.setdefault(str(one.currency), []).append(one)
    return {currency: as_costs(rows) for currency, rows in by_currency.items()}


def _filters(stored: Mapping[str, Any]) -> tuple[Filter, ...]:
    return tuple((_path(name), frozenset(map(as_text, wanted))) for name, wanted in stored.items())


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


def as_text(value: Any) -> str:
    """Return a property as the text that filters and dimensions compare: true, 1.5, gpt-4o; empty if absent."""
    if type(value) is str:
        return value
    if value is None or isinstance(value, dict | list):
        return ""
    if value is True or value is False:
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else f"{value:f}"
