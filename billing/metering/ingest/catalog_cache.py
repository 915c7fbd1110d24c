"""This process's copy of the meters, valid for one catalog revision, which every batch verifies."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from plans.aggregation.expressions import Expression, InvalidExpression, NoValue, compile_expression
from plans.catalog.stored_terms import MeteringTerms, metering_terms
from plans.costs.unit_costs import to_cost_rates
from plans.models import CatalogRevision, Meter, MeterReading
from plans.models import UnitCost as UnitCostRow
from plans.pricing.cost_rates import CostRate

Path = tuple[str, ...]
Filter = tuple[Path, frozenset[str]]
"""A property, and the texts that match it."""


@dataclass(frozen=True, slots=True)
class ValueReading:
    """
    One value to read from an event: a path or an expression (neither if events are counted), and the dimension value
    that it is counted under, if any.
    """

    path: Path | None
    dimension_value: str | None
    expression: Expression | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CachedMeter:
    """
    A meter in the form that is applied to events.

    costs: currency → unit costs of all times.

    Two copies are never equal, because a later one may have other terms.
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
    """The meters that count events of one name, and all properties that their filters and dimensions read."""

    meters: tuple[CachedMeter, ...]
    paths: tuple[Path, ...]

    def read_texts(self, properties: Mapping[str, Any]) -> tuple[str, ...]:
        """Return these properties of an event as texts; events with equal texts take the same route."""
        texts = []
        for path in self.paths:
            value = properties.get(path[0]) if len(path) == 1 else look_up(properties, path)
            texts.append(value if type(value) is str else to_text(value))
        return tuple(texts)


@dataclass(slots=True)
class CachedCatalog:
    revision: int = -1
    by_event: dict[str, EventMeters] = field(default_factory=dict)


_copy = CachedCatalog()


def get_catalog() -> CachedCatalog:
    """Return the process's copy; read it first if there is none."""
    return _copy if _copy.revision >= 0 else refresh()


def clear() -> None:
    """Drop the process's copy of the catalog."""
    global _copy
    _copy = CachedCatalog()


def refresh() -> CachedCatalog:
    """
    Read the catalog again. The revision is read first, so that a change in between leaves an outdated revision, which
    the next batch detects.
    """
    global _copy
    revision = CatalogRevision.objects.values_list("revision", flat=True).get()
    by_event: dict[str, tuple[CachedMeter, ...]] = {}
    for meter in Meter.objects.prefetch_related("readings", "unit_costs").order_by("id"):
        by_event[meter.event_name] = (*by_event.get(meter.event_name, ()), prepare_meter(meter, meter.readings.all()))
    _copy = CachedCatalog(revision, {name: _group_meters(meters) for name, meters in by_event.items()})
    return _copy


def _group_meters(meters: tuple[CachedMeter, ...]) -> EventMeters:
    paths = {
        path
        for meter in meters
        for path, _ in (*meter.filters, *(filter_ for exclusion in meter.excludes for filter_ in exclusion))
    }
    paths |= {path for meter in meters for _, path in meter.dimensions}
    return EventMeters(meters, tuple(sorted(paths)))


def prepare_meter(meter: Meter, rows: Iterable[MeterReading]) -> CachedMeter:
    """
    Return a meter in the form that is applied to events; meter and rows may be unsaved, as in a dry run in the form.
    """
    if meter.aggregation == "count":
        readings: tuple[ValueReading, ...] = (ValueReading(None, None),)
    elif meter.reading_dimension:
        readings = tuple(
            ValueReading(_split_path(row.value_property), row.dimension_value)
            # A stable order: readings of unsaved rows keep theirs.
            for row in sorted(rows, key=lambda row: row.id or 0)
        )
    elif meter.expression:
        readings = (ValueReading(None, None, _compile_expression(meter.expression)),)
    else:
        readings = (ValueReading(_split_path(meter.value_property), None),)
    return CachedMeter(
        id=meter.id or 0,
        name=meter.name,
        metering=metering_terms(meter),
        filters=_build_filters(meter.filters),
        excludes=tuple(_build_filters(exclusion) for exclusion in meter.excludes),
        operation=_split_path(meter.operation_property) if meter.operation_property else None,
        price=_split_path(meter.price_property) if meter.price_property else None,
        dimensions=tuple((name, _split_path(name)) for name in meter.dimensions),
        reading_dimension=meter.reading_dimension,
        readings=readings,
        costs=_group_costs(meter.unit_costs.all() if meter.pk else ()),
    )


def _compile_expression(text: str) -> Expression:
    """Compile an expression. An invalid one gives no event a value, and doesn't affect other meters."""
    try:
        return compile_expression(text)
    except InvalidExpression as error:
        reason = f"its expression cannot be read. {error}"

        def refuse(properties: Mapping[str, Any]) -> Any:
            raise NoValue(reason)

        return Expression(text, refuse)


def _group_costs(unit_costs: Iterable[UnitCostRow]) -> Mapping[str, tuple[CostRate, ...]]:
    by_currency: dict[str, list[UnitCostRow]] = {}
    for unit_cost in unit_costs:
        by_currency.setdefault(str(unit_cost.currency), []).append(unit_cost)
    return {currency: to_cost_rates(rows) for currency, rows in by_currency.items()}


def _build_filters(stored: Mapping[str, Any]) -> tuple[Filter, ...]:
    return tuple((_split_path(name), frozenset(map(to_text, wanted))) for name, wanted in stored.items())


def _split_path(dotted: str) -> Path:
    return tuple(dotted.split("."))


def look_up(properties: Mapping[str, Any], path: Path) -> Any:
    """Return the property at a dotted path, or None if there is none."""
    property_value: Any = properties.get(path[0])
    for name in path[1:]:
        if not isinstance(property_value, dict):
            return None
        property_value = property_value.get(name)
    return property_value


def to_text(value: Any) -> str:
    """Return a property as the text that filters and dimensions compare: true, 1.5, gpt-4o; empty if absent."""
    if type(value) is str:
        return value
    if value is None or isinstance(value, dict | list):
        return ""
    if value is True or value is False:
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else f"{value:f}"
