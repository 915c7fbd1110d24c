"""
The price sheet of a version: its fees, allowances and rates in lines, with a column for each currency.

It is built from the rows that the comparison reads, in one query per table, and prints each figure as the comparison
does. Source: docs/pricing.md#price-sheet.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db.models import Model
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from lib.currencies import CREDITS
from lib.decimals import EXACT
from lib.field_types import AMOUNT
from lib.formats import CREDIT, format_number, format_units
from lib.money import minor_unit
from lib.translation import Text
from plans.catalog.comparison import FieldFact, format_fact, format_prices, unit_factor
from plans.catalog.dimension_text import format_match
from plans.catalog.unit_ranges import format_range
from plans.catalog.version_snapshot import (
    Rows,
    build_contents,
    group_by_parent,
    hash_contents,
    read_fact,
    read_rows,
)
from plans.models import Fee, PlanFeature, PlanVersion, Price, Rate, Tier
from plans.models.catalog import FeatureKind
from plans.models.prices import TIERED, Basis, ChargeModel, Consumption

FIGURES: dict[str, tuple[str, ...]] = {
    ChargeModel.FLAT: ("unit_price",),
    ChargeModel.PER_UNIT: ("unit_price",),
    ChargeModel.PACKAGE: ("unit_price",),
    ChargeModel.PERCENTAGE: (
        *("percent", "fixed_fee", "free_events", "free_value", "least_per_event", "most_per_event"),
    ),
    ChargeModel.DYNAMIC: ("markup",),
    ChargeModel.GRADUATED: ("unit_price", "flat_fee", "maximum"),
    ChargeModel.VOLUME: ("unit_price", "flat_fee", "maximum"),
    ChargeModel.GRADUATED_PERCENTAGE: ("percent", "flat_fee", "maximum"),
}
"""Charge model → the figures of a rate, or of each of its tiers; the first one is always shown."""

NAMES: dict[str, Text] = {
    "percent": _("percentage"),
    "fixed_fee": _("fixed fee"),
    "free_events": _("free events"),
    "free_value": _("free value"),
    "least_per_event": _("minimum per event"),
    "most_per_event": _("maximum per event"),
    "markup": _("markup"),
    "flat_fee": _("tier fee"),
    "maximum": _("tier maximum"),
}

OTHER_USAGE: Text = _("All other usage")


@dataclass(frozen=True, slots=True)
class SheetCell:
    """
    A figure of the sheet, which is a field of one stored row.

    rows: the rows; several where one figure holds for all currencies, such as the last unit of a tier. value: as it
        is stored. per: number of units that the figure in the sheet is for. text: as customers read it, without the
        line's unit. former: the value in the version that the sheet is compared with.
    """

    rows: tuple[Model, ...]
    field: str
    currency: str
    value: Decimal | None
    per: int = 1
    text: str = ""
    former: Decimal | None = None

    @property
    def name(self) -> str:
        """Identifies the cell in a form: “rate-12-unit_price”."""
        return f"{self.rows[0]._meta.model_name}-{self.rows[0].pk}-{self.field}"

    @property
    def figure(self) -> Decimal | None:
        """The value for `per` units, as it is typed."""
        return None if self.value is None else EXACT.multiply(self.value, Decimal(self.per))

    @property
    def former_figure(self) -> Decimal | None:
        return None if self.former is None else EXACT.multiply(self.former, Decimal(self.per))

    @property
    def is_price(self) -> bool:
        """Whether a percentage can raise it: an amount or a ratio, but no number of units."""
        return self.field in MONEY_FIELDS | RATIO_FIELDS

    @property
    def is_money(self) -> bool:
        return self.field in MONEY_FIELDS

    @property
    def step(self) -> Decimal:
        """The smallest difference that can be stored: a minor unit for amounts, a field's last digit otherwise."""
        field = self.rows[0]._meta.get_field(self.field)
        places = getattr(field, "decimal_places", 0)
        if places == AMOUNT["decimal_places"] and self.currency != CREDITS:
            return minor_unit(self.currency)
        return Decimal(1).scaleb(-places)


MONEY_FIELDS = frozenset(
    ("amount", "unit_price", "fixed_fee", "least_per_event", "most_per_event", "flat_fee", "minimum", "maximum")
)
RATIO_FIELDS = frozenset(("percent", "markup"))


@dataclass(frozen=True, slots=True)
class SheetLine:
    """
    A line: a figure for each currency that has it.

    key: identifies the line in all versions. label, note: “gpt-4o output”, “per million tokens”.
    cells: by currency. shared: the one figure of a line that is the same in all currencies. bound: the last unit of
        the line's tier. is_heading: whether the line only names the rate of the lines below it.
    lacking: currencies whose price lacks the line's rate.
    """

    key: tuple[str, ...]
    label: str
    note: str = ""
    cells: Mapping[str, SheetCell] = field(default_factory=dict)
    shared: SheetCell | None = None
    bound: SheetCell | None = None
    is_heading: bool = False
    lacking: frozenset[str] = frozenset()

    @property
    def all_cells(self) -> list[SheetCell]:
        return [cell for cell in (self.shared, self.bound, *self.cells.values()) if cell is not None]


@dataclass(frozen=True, slots=True)
class SheetSection:
    """
    The lines of a feature, of the fees, or of what else is included.

    prices: by currency. model: the charge model of all their rates; empty if they have several.
    """

    title: str
    note: str
    lines: tuple[SheetLine, ...]
    plan_feature: PlanFeature | None = None
    prices: Mapping[str, Price] = field(default_factory=dict)
    model: str = ""


@dataclass(frozen=True)
class PriceSheet:
    """fingerprint: of the version's whole content, as it was read."""

    version: PlanVersion
    currencies: tuple[str, ...]
    sections: tuple[SheetSection, ...]
    fingerprint: str

    @cached_property
    def cells(self) -> dict[str, SheetCell]:
        """Name → cell, in the order of the page."""
        return {cell.name: cell for section in self.sections for line in section.lines for cell in line.all_cells}

    @property
    def has_prices(self) -> bool:
        return any(line.cells for section in self.sections for line in section.lines)

    def partly_changed(self) -> list[tuple[str, str, list[str]]]:
        """Return (section, line, currencies) for each line whose figure changed in other currencies only."""
        return [
            (section.title, line.label, unchanged)
            for section in self.sections
            for line in section.lines
            if 0 < len(unchanged := [code for code, cell in line.cells.items() if cell.former == cell.value])
            and len(unchanged) < len(line.cells)
        ]


def read_sheet(version: PlanVersion, *, against: PlanVersion | None = None, first_currency: str = "") -> PriceSheet:
    """
    Return the price sheet of a version as it is stored.

    against: the version whose figures are the former ones; by default each figure is its own former one.
    first_currency: the leftmost one, if the version has it.
    """
    rows = read_rows([version])
    (contents,) = build_contents(rows, [version])
    builder = _SheetBuilder(rows, first_currency)
    sections = builder.sections(version)
    former: dict[tuple[tuple[str, ...], str], Decimal | None] = {}
    if against is not None:
        former = _values(_SheetBuilder(read_rows([against]), "").sections(against))
    return PriceSheet(
        version=version,
        currencies=builder.currencies,
        sections=tuple(replace(section, lines=_with_former(section.lines, former)) for section in sections),
        fingerprint=hash_contents(contents),
    )


def _values(sections: Iterable[SheetSection]) -> dict[tuple[tuple[str, ...], str], Decimal | None]:
    return {
        (line.key, currency): cell.value
        for section in sections
        for line in section.lines
        for currency, cell in (*line.cells.items(), *([("", line.shared)] if line.shared else []))
    }


def _with_former(
    lines: Iterable[SheetLine], former: Mapping[tuple[tuple[str, ...], str], Decimal | None]
) -> tuple[SheetLine, ...]:
    return tuple(
        replace(
            line,
            cells={
                currency: replace(cell, former=former.get((line.key, currency), cell.value))
                for currency, cell in line.cells.items()
            },
            shared=line.shared and replace(line.shared, former=former.get((line.key, ""), line.shared.value)),
            bound=line.bound and replace(line.bound, former=line.bound.value),
        )
        for line in lines
    )


# From rows to lines -----------------------------------------------------------------------------------------------


class _SheetBuilder:
    def __init__(self, rows: Rows, first_currency: str) -> None:
        self._parts = group_by_parent(rows)
        codes = {str(row.currency) for row in (*rows[Fee], *rows[Price])}
        self.currencies = tuple(sorted(codes, key=lambda code: (code == CREDITS, code != first_currency, code)))

    def sections(self, version: PlanVersion) -> list[SheetSection]:
        plan_features = self._parts.get((PlanFeature, version.pk), [])
        metered = [row for row in plan_features if row.feature.kind == FeatureKind.METERED]
        sections = [self._fees(version), *map(self._feature, metered), _granted(plan_features)]
        return [section for section in sections if section.lines]

    def _fees(self, version: PlanVersion) -> SheetSection:
        fees_by_code: dict[str, list[Fee]] = {}
        for fee in self._parts.get((Fee, version.pk), []):
            fees_by_code.setdefault(fee.code, []).append(fee)
        lines = [
            _line(
                ("fee", code),
                fees[0].label,
                [(fee, "amount", str(fee.currency), "") for fee in fees],
                note=_fee_note(fees[0]),
            )
            for code, fees in fees_by_code.items()
        ]
        return SheetSection(gettext("Fees"), "", tuple(lines))

    def _feature(self, plan_feature: PlanFeature) -> SheetSection:
        prices = {str(price.currency): price for price in self._parts.get((Price, plan_feature.pk), [])}
        lines = [_included(plan_feature)]
        rates = [rate for price in prices.values() for rate in self._parts.get((Rate, price.pk), [])]
        if plan_feature.consumption == Consumption.CREDITS:
            drawn = {code: price for code, price in prices.items() if code == CREDITS}
            sold = {code: price for code, price in prices.items() if code != CREDITS}
            lines += self._price_lines(plan_feature, drawn, "drawn")
            lines += self._price_lines(plan_feature, sold, "credit")
        else:
            lines += self._price_lines(plan_feature, prices, "")
        models = {rate.model: rate.get_model_display() for rate in rates}
        model, note = next(iter(models.items())) if len(models) == 1 else ("", "")
        return SheetSection(str(plan_feature), note, tuple(lines), plan_feature, prices, model)

    def _price_lines(self, plan_feature: PlanFeature, prices: Mapping[str, Price], kind: str) -> Iterator[SheetLine]:
        """Yield the lines of prices side by side; kind: “credit” for the price of a credit."""
        meter = plan_feature.feature.meter
        unit = CREDIT if kind == "credit" else meter.unit if meter else ""
        key = ("feature", plan_feature.feature.code, kind)
        rates_by_match: dict[str, dict[str, Rate]] = {}
        for currency, price in prices.items():
            for rate in self._parts.get((Rate, price.pk), []):
                rates_by_match.setdefault(json.dumps(rate.match, sort_keys=True), {})[currency] = rate
        for match, rates in rates_by_match.items():
            name = _rate_name(next(iter(rates.values())), kind, is_only=len(rates_by_match) == 1)
            lacking = frozenset(prices) - frozenset(rates)
            tiered = {currency: rate for currency, rate in rates.items() if rate.model in TIERED}
            plain = {currency: rate for currency, rate in rates.items() if rate.model not in TIERED}
            if tiered and (plain or len(rates_by_match) > 1):
                yield SheetLine((*key, match), name, is_heading=True)
            yield from _rate_lines((*key, match), name, plain, unit, frozenset() if tiered else lacking)
            yield from self._tier_lines((*key, match), tiered, unit, lacking)
        for bound, label in (("minimum", gettext("Minimum")), ("maximum", gettext("Maximum"))):
            bounded = [
                (price, bound, code, "") for code, price in prices.items() if getattr(price, bound) is not None
            ]
            if bounded:
                yield _line((*key, bound), label, bounded, note=gettext("for a full period"))

    def _tier_lines(
        self, key: tuple[str, ...], rates: Mapping[str, Rate], unit: str, lacking: frozenset[str]
    ) -> Iterator[SheetLine]:
        tiers_by_bound: dict[Decimal | None, dict[str, Tier]] = {}
        for currency, rate in rates.items():
            for tier in self._parts.get((Tier, rate.pk), []):
                tiers_by_bound.setdefault(tier.up_to, {})[currency] = tier
        names = list(dict.fromkeys(name for rate in rates.values() for name in FIGURES[rate.model]))
        always = {FIGURES[rate.model][0] for rate in rates.values()}
        # Prices of all tiers are for the same number of units, so that they can be compared at a glance.
        per = unit_factor([tier.unit_price for tiers in tiers_by_bound.values() for tier in tiers.values()])
        below: dict[str, Decimal] = {}
        for bound in sorted(tiers_by_bound, key=lambda bound: (bound is None, bound or 0)):
            tiers = tiers_by_bound[bound]
            label = format_range(
                max((below.get(currency, Decimal(0)) for currency in tiers), default=Decimal(0)), bound
            )
            for name in names:
                figures = [
                    (tier, name, currency, unit)
                    for currency, tier in tiers.items()
                    if name in FIGURES[rates[currency].model] and (name in always or getattr(tier, name))
                ]
                if figures:
                    is_first = name in always
                    yield _line(
                        (*key, str(bound), name),
                        label if is_first else "",
                        figures,
                        note="" if name == "unit_price" else str(NAMES[name]),
                        per=per if name == "unit_price" else 1,
                        bound=_bound(tiers.values(), bound) if is_first else None,
                        lacking=lacking if is_first else frozenset(),
                    )
            below |= dict.fromkeys(tiers, bound or Decimal(0))


def _rate_lines(
    key: tuple[str, ...], name: str, rates: Mapping[str, Rate], unit: str, lacking: frozenset[str]
) -> Iterator[SheetLine]:
    names = dict.fromkeys(name for rate in rates.values() for name in FIGURES[rate.model])
    for position, figure_name in enumerate(names):
        figures = [
            (rate, figure_name, currency, unit)
            for currency, rate in rates.items()
            if figure_name in FIGURES[rate.model]
            and (
                figure_name == FIGURES[rate.model][0]
                or not read_fact(rate, figure_name, unit="", currency="").is_default
            )
        ]
        if figures:
            yield _line(
                (*key, figure_name),
                "" if position else name,
                figures,
                note=str(NAMES.get(figure_name, "")),
                lacking=frozenset() if position else lacking,
            )


def _line(
    key: tuple[str, ...],
    label: str,
    figures: Sequence[tuple[Any, str, str, str]],
    *,
    note: str = "",
    per: int | None = None,
    **more: Any,
) -> SheetLine:
    """
    Return the line of some figures: (row, field, currency, unit) each.

    per: number of units that the prices are for; by default the one that suits the lowest of them.
    """
    facts = [read_fact(row, field, unit=unit, currency=currency) for row, field, currency, unit in figures]
    texts = [format_fact(fact) for fact in facts]
    factor = 1
    if all(fact.measure == "each" for fact in facts):
        units = {fact.unit for fact in facts}
        prices = [fact.value for fact in facts if isinstance(fact.value, Decimal)]
        factor = per or unit_factor(prices)
        if len(units) == 1:
            texts, per_unit = format_prices(facts, factor=factor)
            note = ", ".join(filter(None, [per_unit.strip(), note]))
    cells = {
        currency: SheetCell((row,), field, currency, _number(fact), _typed_per(row, fact, factor), text)
        for (row, field, currency, _unit), fact, text in zip(figures, facts, texts, strict=True)
    }
    return SheetLine(key, label, note, cells, **more)


def _typed_per(row: Model, fact: FieldFact, factor: int) -> int:
    return factor if fact.measure == "each" else 1


def _number(fact: FieldFact) -> Decimal | None:
    return fact.value if isinstance(fact.value, Decimal) else None


def _bound(tiers: Iterable[Tier], bound: Decimal | None) -> SheetCell | None:
    return None if bound is None else SheetCell(tuple(tiers), "up_to", "", bound, 1, format_number(bound))


def _included(plan_feature: PlanFeature) -> SheetLine:
    meter = plan_feature.feature.meter
    unit = meter.unit if meter else ""
    text = format_units(plan_feature.included, unit) if plan_feature.included else gettext("none")
    cell = SheetCell((plan_feature,), "included", "", plan_feature.included, 1, text)
    note = str(plan_feature.get_consumption_display()).partition(": ")[2]
    return SheetLine(("feature", plan_feature.feature.code, "included"), gettext("Included"), note, shared=cell)


def _granted(plan_features: Iterable[PlanFeature]) -> SheetSection:
    """Return the features without a meter: switches, and fixed values."""
    lines = [
        SheetLine(("granted", row.feature.code), str(row), row.static_value or gettext("included"))
        for row in plan_features
        if row.feature.kind != FeatureKind.METERED
    ]
    return SheetSection(gettext("Other features"), "", tuple(lines))


def _fee_note(fee: Fee) -> str:
    """Return how a fee is charged: “per seat, in advance, 3 included”."""
    parts = [str(fee.get_kind_display()) if fee.kind == "one_time" else ""]
    if fee.basis != Basis.FIXED:
        parts.append(str(fee.get_basis_display()))
    parts.append(str(fee.get_billed_display()))
    if fee.every > 1:
        parts.append(gettext("for %(count)s periods") % {"count": fee.every})
    if fee.included:
        parts.append(gettext("%(count)s included") % {"count": format_number(fee.included)})
    return ", ".join(filter(None, parts))


def _rate_name(rate: Rate, kind: str, *, is_only: bool) -> str:
    if rate.label or rate.match:
        return rate.label or format_match(rate.match)
    if kind == "credit":
        return gettext("Credit that the wallet lacks")
    if not is_only:
        return str(OTHER_USAGE)
    return str(capfirst(gettext("price")))
