"""
The price sheet of a draft as a form: one input for each figure.

The figures are checked and stored by the forms of the pages on which each of them can be edited alone, so that both
ways lead to the same version.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.db.models import Model
from django.utils.translation import gettext as _

from lib.admin.number_fields import GROUPED
from lib.decimals import EXACT, to_plain_string
from lib.formats import format_number
from lib.money import UnknownCurrency, minor_unit
from lib.row_form import RowForm
from plans.admin.fields.price_unit import to_unit_price
from plans.admin.prices.price_page import PriceForm
from plans.admin.prices.rates import RateForm
from plans.admin.prices.tiers import TierForm, explain_misfits, in_order
from plans.admin.versions.features import PlanFeatureForm
from plans.admin.versions.fees import FeeForm
from plans.catalog.price_sheet import PriceSheet, SheetCell, SheetLine
from plans.catalog.stored_terms import build_rate_terms
from plans.models import Fee, PlanFeature, Price, Rate, Tier
from plans.models.prices import TIERED
from plans.pricing.figure_changes import change_by_percent, convert

MAX_TEXT = 60
"""Characters of a figure; longer ones are no price, and their digits are not computed with."""

PAGE_FORMS: dict[type[Model], type[RowForm[Any]]] = {Fee: FeeForm, PlanFeature: PlanFeatureForm, Price: PriceForm}
NOT_IN_SHEET = ("match", "example", "label", "position")
"""Fields of a rate's form that don't take part: none of them is a figure."""

MAX_PERCENT = Decimal(10_000)
MAX_EXCHANGE_RATE = Decimal(1_000_000)

RowKey = tuple[type[Model], int]


class SheetForm:
    """
    The texts of the cells, as typed or as stored, with their errors.

    data: name of cell → text; cells without an entry keep their stored figure.
    """

    def __init__(self, sheet: PriceSheet, data: Mapping[str, str] | None = None) -> None:
        self.sheet = sheet
        self.errors: dict[str, list[str]] = {}
        typed = data or {}
        self.texts = {name: typed.get(name, typed_text(cell)).strip() for name, cell in sheet.cells.items()}

    def changed_cells(self) -> list[SheetCell]:
        """Return the cells whose figure is not the stored one."""
        return [cell for name, cell in self.sheet.cells.items() if parse_figure(self.texts[name]) != cell.figure]

    # Changes of many cells ----------------------------------------------------------------------------------------

    def change_by_percent(self, names: Iterable[str], percent: Decimal) -> int:
        """Change the figures of cells by a percentage, and return their number. Units and counts are skipped."""
        cells = [cell for name in names if (cell := self.sheet.cells.get(name)) and cell.is_price]
        return sum(
            self._enter(cell, change_by_percent(value, percent, step=cell.step))
            for cell in cells
            if (value := self._value(cell)) is not None
        )

    def copy_currency(self, source: str, target: str, exchange_rate: Decimal, *, names: Iterable[str] = ()) -> int:
        """
        Fill the cells of a currency with those of another one, and return their number.

        Amounts are converted; percentages, markups and numbers of units are copied as they are.

        names: cells whose lines are filled; none for all lines.
        """
        chosen = set(names)
        lines = [line for section in self.sheet.sections for line in section.lines]
        if chosen:
            lines = [line for line in lines if chosen & {cell.name for cell in line.cells.values()}]
        count = 0
        for line in lines:
            original, cell = line.cells.get(source), line.cells.get(target)
            if original is None or cell is None or (value := self._value(original)) is None:
                continue
            count += self._enter(cell, convert(value, exchange_rate if cell.is_money else Decimal(1), step=cell.step))
        return count

    def _value(self, cell: SheetCell) -> Decimal | None:
        """Return the value of one unit in a cell, or None with an error if its text is no number."""
        figure = parse_figure(self.texts[cell.name])
        if figure is None:
            self.errors.setdefault(cell.name, []).append(_("Enter a number."))
            return None
        return per_unit(figure, cell)

    def _enter(self, cell: SheetCell, value: Decimal) -> int:
        self.texts[cell.name] = figure_text(EXACT.multiply(value, Decimal(cell.per)), cell)
        return 1

    # Saving -------------------------------------------------------------------------------------------------------

    def store_changes(self) -> bool:
        """Store the changed figures if all of them are valid; otherwise fill `errors` and store nothing."""
        changed = self.changed_cells()
        typed_by_row: dict[RowKey, dict[str, str]] = {}
        for cell in changed:
            for row in cell.rows:
                typed_by_row.setdefault((type(row), row.pk), {})[cell.field] = self._text_per_unit(cell)
        row_forms = [*_single_forms(typed_by_row), *_rate_forms(typed_by_row)]
        for row_form in row_forms:
            self._collect_errors(row_form, changed)
        if self.errors:
            return False
        to_save = [row_form for row_form in row_forms if _key(row_form) in typed_by_row]
        ordered = list(_in_saving_order(to_save))
        for row_form in to_save:
            if row_form not in ordered:
                row_form.add_error("up_to", _("Another tier has this last unit. Exchange the prices instead."))
                self._collect_errors(row_form, changed)
        for row_form in ordered if not self.errors else ():
            row_form.save()
        return not self.errors

    def _text_per_unit(self, cell: SheetCell) -> str:
        """Return what the page's form is given: the price of one unit, or a text that it will reject."""
        text = self.texts[cell.name]
        figure = parse_figure(text)
        if figure is None:
            return text
        try:
            return to_plain_string(to_unit_price(figure, Decimal(cell.per)) if cell.per > 1 else figure)
        except forms.ValidationError as refusal:
            self.errors.setdefault(cell.name, []).extend(refusal.messages)
            return to_plain_string(cell.value or Decimal(0))

    def _collect_errors(self, row_form: RowForm[Any], changed: Iterable[SheetCell]) -> None:
        """Place each error at its cell, and those of no cell at a changed figure of the same row."""
        cells_by_field = {
            cell.field: cell.name for cell in self.sheet.cells.values() if _concerns(cell, row_form.instance)
        }
        related = [cell.name for cell in changed if _is_near(cell, row_form.instance)]
        for field, messages in row_form.errors.items():
            name = cells_by_field.get(field) or next(iter(cells_by_field.values()), related[0] if related else "")
            for message in map(str, messages):
                if message not in self.errors.setdefault(name, []):
                    self.errors[name].append(message)


def as_read(sheet: PriceSheet) -> str:
    """Return the figures of a sheet as they were read, for the form: name of cell → [what it is, its text]."""
    labels = cell_labels(sheet)
    figures = {name: [labels[name], typed_text(cell)] for name, cell in sheet.cells.items()}
    return json.dumps(figures, ensure_ascii=False)


def cell_labels(sheet: PriceSheet) -> dict[str, str]:
    """Return name of cell → what it is: “Tokens, gpt-4o output, USD”."""
    return {
        cell.name: _cell_label(section.title, line, cell)
        for section in sheet.sections
        for line in section.lines
        for cell in line.all_cells
    }


def parse_read(text: str) -> dict[str, tuple[str, str]]:
    """Parse what `as_read` returned; nothing if it isn't that."""
    try:
        figures = json.loads(text)
        return {str(name): (str(label), str(figure)) for name, (label, figure) in figures.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _cell_label(title: str, line: SheetLine, cell: SheetCell) -> str:
    name = _("last unit") if cell.field == "up_to" else cell.currency
    return ", ".join(filter(None, [title, line.label, name]))


def parse_figure(text: str) -> Decimal | None:
    """Return a typed number, which may have commas between thousands; None if it is none."""
    if len(text) > MAX_TEXT:
        return None
    try:
        figure = Decimal(text.replace(",", "") if GROUPED.fullmatch(text) else text)
    except InvalidOperation:
        return None
    return figure if figure.is_finite() and abs(figure.adjusted()) < MAX_TEXT else None


def typed_text(cell: SheetCell) -> str:
    """Return the stored figure of a cell as it is typed."""
    return "" if cell.figure is None else figure_text(cell.figure, cell)


def figure_text(figure: Decimal, cell: SheetCell) -> str:
    """Return a figure with separators of thousands; an amount with at least the places of its currency: “2.50”."""
    text = format_number(figure)
    if not cell.is_money:
        return text
    try:
        places = -int(minor_unit(cell.currency).as_tuple().exponent)
    except UnknownCurrency:  # credits
        return text
    whole, _point, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(places, '0')}" if places else text


def per_unit(figure: Decimal, cell: SheetCell) -> Decimal:
    return figure.scaleb(-Decimal(cell.per).adjusted(), context=EXACT)


# The forms of the pages -------------------------------------------------------------------------------------------


def _single_forms(typed_by_row: Mapping[RowKey, Mapping[str, str]]) -> list[RowForm[Any]]:
    """Return the forms of the changed fees, features and prices."""
    row_forms = []
    for model, form_class in PAGE_FORMS.items():
        ids = [pk for row_model, pk in typed_by_row if row_model is model]
        rows = model._default_manager.select_related(*_related(model)).in_bulk(ids) if ids else {}
        row_forms += [_bound(form_class, row, f"row-{pk}", typed_by_row[model, pk]) for pk, row in rows.items()]
    return row_forms


def _related(model: type[Model]) -> tuple[str, ...]:
    return {PlanFeature: ("feature__meter", "version"), Price: ("plan_feature",)}.get(model, ("version",))


def _rate_forms(typed_by_row: Mapping[RowKey, Mapping[str, str]]) -> list[RowForm[Any]]:
    """Return the forms of each changed rate and of all its tiers, checked as the page of the price does."""
    tier_ids = [pk for model, pk in typed_by_row if model is Tier]
    ids = {pk for model, pk in typed_by_row if model is Rate}
    ids |= set(Tier.objects.filter(pk__in=tier_ids).values_list("rate", flat=True)) if tier_ids else set()
    row_forms: list[RowForm[Any]] = []
    for rate in Rate.objects.filter(pk__in=ids).prefetch_related("tiers").order_by("pk") if ids else ():
        rate_form = _bound(
            RateForm,
            rate,
            "rate",
            {"per": "1", **_unit_price(rate), **typed_by_row.get((Rate, rate.pk), {})},
            skip=NOT_IN_SHEET,
        )
        tier_forms = [
            _bound(
                TierForm,
                tier,
                f"rate-tiers-{tier.pk}",
                typed_by_row.get((Tier, tier.pk), {}),
                more={"rate-model": rate.model},
            )
            for tier in rate.tiers.all()
        ]
        _check_rate(rate_form, tier_forms)
        row_forms += [rate_form, *tier_forms]
    return row_forms


def _unit_price(rate: Rate) -> dict[str, Any]:
    return {} if rate.unit_price is None else {"unit_price": rate.unit_price}


def _bound(
    form_class: type[RowForm[Any]],
    row: Model,
    prefix: str,
    typed: Mapping[str, Any],
    *,
    skip: Iterable[str] = (),
    more: Mapping[str, Any] | None = None,
) -> RowForm[Any]:
    """Return the form of a row as its page would send it, with some typed figures."""
    blank = form_class(instance=row, prefix=prefix)
    data = {blank.add_prefix(name): blank[name].value() for name in blank.fields}
    data |= {blank.add_prefix(name): text for name, text in typed.items()}
    row_form = form_class({**data, **(more or {})}, instance=row, prefix=prefix)
    for name in skip:
        del row_form.fields[name]
    return row_form


def _check_rate(rate_form: RowForm[Any], tier_forms: list[RowForm[Any]]) -> None:
    are_valid = [row_form.is_valid() for row_form in (rate_form, *tier_forms)]
    if not all(are_valid):
        return
    rows = in_order(tier_forms)
    if rate_form.instance.model in TIERED:
        explain_misfits(rows)
    if any(row_form.errors for row_form in rows):
        return
    try:
        build_rate_terms(rate_form.instance, [row_form.instance for row_form in rows])
    except ValueError as error:
        rate_form.add_error(None, str(error))


def _in_saving_order(row_forms: list[RowForm[Any]]) -> Iterator[RowForm[Any]]:
    """
    Yield forms so that no tier gets a last unit that another one still has, since a rate has each only once.

    Forms that can't be saved in any order, as two tiers that exchange their last units, are left out.
    """
    waiting = row_forms
    while waiting:
        taken = {
            (row_form.instance.rate_id, row_form.initial["up_to"]): row_form
            for row_form in waiting
            if isinstance(row_form, TierForm)
        }
        ready = [row_form for row_form in waiting if _holder(row_form, taken) in (None, row_form)]
        yield from ready
        if not ready:
            return
        waiting = [row_form for row_form in waiting if row_form not in ready]


def _holder(row_form: RowForm[Any], taken: Mapping[Any, RowForm[Any]]) -> RowForm[Any] | None:
    """Return the form whose stored tier has the last unit that a form's tier gets; None for other rows."""
    if not isinstance(row_form, TierForm):
        return None
    return taken.get((row_form.instance.rate_id, row_form.cleaned_data["up_to"]))


def _key(row_form: RowForm[Any]) -> RowKey:
    return type(row_form.instance), row_form.instance.pk


def _concerns(cell: SheetCell, row: Model) -> bool:
    return any(type(cell_row) is type(row) and cell_row.pk == row.pk for cell_row in cell.rows)


def _is_near(cell: SheetCell, row: Model) -> bool:
    """Return whether a cell belongs to a row, to its rate or to the rate's tiers."""
    rate_id = row.pk if isinstance(row, Rate) else getattr(row, "rate_id", None)
    return _concerns(cell, row) or any(
        (isinstance(cell_row, Tier) and cell_row.rate_id == rate_id)
        or (isinstance(cell_row, Rate) and cell_row.pk == rate_id)
        for cell_row in cell.rows
    )
