"""The price sheet as its pages show it: a cell for each line and currency, with a link where a price is missing."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from django.urls import reverse
from django.utils.translation import gettext as _

from lib.admin import page_url
from lib.currencies import CREDITS
from lib.formats import currency_name
from plans.admin.prices.model_pictures import PICTURES
from plans.admin.prices.sheet_form import SheetForm, figure_text, parse_figure, typed_text
from plans.catalog.comparison import format_signed, percent_change
from plans.catalog.price_sheet import PriceSheet, SheetCell, SheetLine, SheetSection
from plans.models.prices import Consumption


@dataclass(frozen=True, slots=True)
class TableCell:
    """
    What stands at a line and a currency.

    cell: the figure; None if the line has none in this currency. was: the former figure as it is typed. changed: the
        former figure and the change, empty if it is the present one. gap_url: the page on which a missing figure is
        added.
    """

    currency: str = ""
    cell: SheetCell | None = None
    typed: str = ""
    was: str = ""
    changed: str = ""
    label: str = ""
    errors: list[str] = field(default_factory=list)
    is_gap: bool = False
    gap_url: str = ""


@dataclass(frozen=True, slots=True)
class TableLine:
    """A line with a table cell for each currency. picks: the names of its cells, for the checkbox of the line."""

    line: SheetLine
    cells: list[TableCell]
    shared: TableCell | None
    bound: TableCell | None
    picks: str


@dataclass(frozen=True, slots=True)
class TableSection:
    """
    A section with its lines.

    price_links: to the page of each of its prices, as (currency, address). picture: of its charge model.
    """

    section: SheetSection
    lines: list[TableLine]
    price_links: list[tuple[str, str]]
    picture: str


class SheetTable:
    """
    form: the typed figures and their errors; without it, the stored ones are shown as customers read them.
    may_add: whether gaps link to the pages that fill them.
    """

    def __init__(self, sheet: PriceSheet, form: SheetForm | None = None, *, may_add: bool = True) -> None:
        self.sheet = sheet
        self.currencies = [currency_name(code) for code in sheet.currencies]
        self._may_add = may_add and sheet.version.is_editable
        self._form = form

    @property
    def sections(self) -> Iterator[TableSection]:
        for section in self.sheet.sections:
            links = [
                (currency_name(code), page_url(section.prices[code]))
                for code in self.sheet.currencies
                if code in section.prices
            ]
            lines = [
                self._line(section, line) for line in section.lines if self._form or not _is_empty(section, line)
            ]
            yield TableSection(section, lines, links, PICTURES.get(section.model, ""))

    def _line(self, section: SheetSection, line: SheetLine) -> TableLine:
        cells = [self._cell(section, line, currency) for currency in self.sheet.currencies]
        shared = self._figure(section, line, line.shared) if line.shared else None
        bound = self._figure(section, line, line.bound) if line.bound else None
        return TableLine(line, cells, shared, bound, " ".join(cell.name for cell in line.cells.values()))

    def _cell(self, section: SheetSection, line: SheetLine, currency: str) -> TableCell:
        cell = line.cells.get(currency)
        if cell is not None:
            return self._figure(section, line, cell)
        is_gap = bool(line.label and line.cells) and self._can_have(section, line, currency)
        return TableCell(currency, is_gap=is_gap, gap_url=self._gap_url(section, currency) if is_gap else "")

    def _can_have(self, section: SheetSection, line: SheetLine, currency: str) -> bool:
        """Return whether the line lacks a figure in a currency that could have one."""
        if (currency == CREDITS) != (CREDITS in line.cells):
            return False  # prices in credits and in money have lines of their own
        return currency in line.lacking or currency not in section.prices

    def _gap_url(self, section: SheetSection, currency: str) -> str:
        if not self._may_add:
            return ""
        if section.plan_feature is None:
            return f"{page_url(self.sheet.version)}#fees-group"
        price = section.prices.get(currency)
        if price is not None:
            return page_url(price)
        return f"{reverse('admin:plans_price_add')}?plan_feature={section.plan_feature.pk}&currency={currency}"

    def _figure(self, section: SheetSection, line: SheetLine, cell: SheetCell) -> TableCell:
        typed = self._form.texts[cell.name] if self._form else typed_text(cell)
        former = cell.former_figure
        was = "" if former is None else figure_text(former, cell)
        return TableCell(
            currency=cell.currency,
            cell=cell,
            typed=typed,
            was=was,
            changed=_change(former, parse_figure(typed), was),
            label=_label(section, line, cell),
            errors=self._form.errors.get(cell.name, []) if self._form else [],
        )


def _is_empty(section: SheetSection, line: SheetLine) -> bool:
    """Return whether a line says nothing to customers: no included units, except where that means no usage at all."""
    plan_feature = section.plan_feature
    capped = plan_feature is not None and plan_feature.consumption == Consumption.HARD_CAP
    return line.shared is not None and not line.shared.value and not capped


def _change(former: Decimal | None, figure: Decimal | None, was: str) -> str:
    """Return the former figure and the change, empty if it is none; was: the former figure as it is typed."""
    if former is None or figure is None or figure == former:
        return ""
    percent = percent_change(former, figure)
    return _("was %(former)s") % {"former": was} + ("" if percent is None else f", {format_signed(percent)}%")


def _label(section: SheetSection, line: SheetLine, cell: SheetCell) -> str:
    """Return the name of an input for screen readers: “Tokens, gpt-4o output, USD per million tokens”."""
    parts = [section.title, line.label, _("last unit") if cell.field == "up_to" else ""]
    unit = f"{currency_name(cell.currency)} {line.note}" if cell.currency else line.note if line.shared else ""
    return ", ".join(filter(None, [*parts, unit.strip()]))
