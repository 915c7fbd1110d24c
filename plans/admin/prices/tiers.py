"""The grid of tiers, with its error messages next to the rows they concern."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.forms import PaginationInlineFormSet

from lib.admin import StaffInline
from lib.admin.columns import display
from lib.admin.number_fields import NumberInput, strip_padding
from lib.formats import format_number
from lib.row_form import RowForm
from lib.translation import Text
from plans.catalog.unit_ranges import first_unit_after
from plans.models import Rate, Tier
from plans.models.prices import TIERED, ChargeModel
from plans.pricing.validation import InvalidCharge, check_percent, check_price, check_units

OPEN = _("no end")


CHECKS: dict[str, tuple[Callable[..., None], Text]] = {
    "up_to": (check_units, _("The last unit")),
    "unit_price": (check_price, _("The price per unit")),
    "percent": (check_percent, _("The percentage")),
    "flat_fee": (check_price, _("The fee of the tier")),
    "maximum": (check_price, _("The maximum of the tier")),
}
"""Field → the rule of plans.pricing for its figure, and the figure's name in the rule's messages."""


def check_figure(form: RowForm[Any], name: str, check: Callable[..., None], subject: Text) -> None:
    """Report a figure that breaks a rule of plans.pricing next to its field; the rules are worded for finance."""
    try:
        check(form.cleaned_data[name], subject=subject)
    except InvalidCharge as refusal:
        form.add_error(name, str(refusal))


class TierForm(RowForm[Tier]):
    defaults = {"flat_fee": Decimal(0)}

    class Meta:
        model = Tier
        fields = ("up_to", "unit_price", "percent", "flat_fee", "maximum")
        labels = {
            "up_to": _("Last unit"),
            "unit_price": _("Price per unit"),
            "percent": _("Percent"),
            "flat_fee": _("Tier fee"),
            "maximum": _("Tier maximum"),
        }
        widgets = dict.fromkeys(fields, NumberInput()) | {"up_to": NumberInput(attrs={"placeholder": OPEN})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit_price"].required = False
        if self.instance.pk is None:  # an untouched row must count as empty
            self.initial.update(unit_price=None, flat_fee=None)

    def clean(self) -> dict[str, Any]:
        """Require a percentage if the rate is a graduated percentage, and a unit price otherwise."""
        cleaned = super().clean()
        for name, (check, subject) in CHECKS.items():
            if cleaned.get(name) is not None:
                check_figure(self, name, check, subject)
        required_field = "percent" if self.is_percentage else "unit_price"
        if self.has_changed() and required_field not in self.errors and cleaned.get(required_field) is None:
            self.add_error(required_field, gettext("This field is required."))
        if self.is_percentage:
            cleaned["unit_price"] = Decimal(0)
        else:
            cleaned["percent"] = None
            cleaned["unit_price"] = cleaned.get("unit_price") or Decimal(0)
        return cleaned

    @property
    def is_percentage(self) -> bool:
        """Whether the tier's rate, as on the page, charges by percentages."""
        parent, _, _ = (self.prefix or "").rpartition("-tiers-")
        chosen = self.data.get(f"{parent}-model") if self.is_bound else self.instance.rate.model
        return chosen == ChargeModel.GRADUATED_PERCENTAGE


class TierFormSet(PaginationInlineFormSet):
    """Accepts tiers in any order and sorts them by their bounds."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:  # read once for all rates of the price
            self._queryset = ascending(self.instance.tiers.all())

    def ladder(self) -> list["forms.ModelForm[Tier]"]:
        """Return the valid rows in ascending order, without empty ones."""
        rows = [form for form in self.forms if form.is_valid() and not self._should_delete_form(form)]
        filled = [form for form in rows if form.has_changed() or form.instance.pk]
        return in_order(filled)

    def explain_misfits(self) -> None:
        explain_misfits(self.ladder())


def explain_misfits(rows: Sequence["forms.ModelForm[Tier]"]) -> None:
    """Add an error with the remedy to each row that leaves a gap or an overlap; rows: in ascending order."""
    start = Decimal(0)
    for index, form in enumerate(rows):
        count, bound, is_last = index + 1, _bound(form), form is rows[-1]
        values = {"first": first_unit_after(start), "tier": count, "end": format_number(start)}
        if is_last and bound is not None:
            text = gettext("The last tier has no end. It starts at %(first)s; leave its last unit empty.")
            form.add_error("up_to", text % values)
        elif bound is None and not is_last:
            text = gettext("Only the last tier has no end. This one starts at %(first)s; enter its last unit.")
            form.add_error("up_to", text % values)
        elif bound is not None and bound <= start and index:
            text = gettext("Tier %(tier)s starts after %(end)s. Enter a higher last unit.")
            form.add_error("up_to", text % values)
        start = bound if bound is not None else start


class TierInline(StaffInline):
    model = Tier
    form = TierForm
    formset = TierFormSet
    verbose_name = _("tier")
    verbose_name_plural = _("Tiers")
    readonly_fields = ("first_unit",)
    fields = ("first_unit", "up_to", "unit_price", "percent", "flat_fee", "maximum")
    readonly_preprocess_fields = dict.fromkeys(CHECKS, strip_padding)

    def get_extra(self, request: HttpRequest, obj: Rate | None = None, **kwargs: Any) -> int:
        """Offer two empty rows to a rate without tiers; the page hides them if the model is not tiered."""
        return 0 if obj is not None and obj.pk and obj.model in TIERED else 2

    @display(description=_("First unit"))
    def first_unit(self, tier: Tier) -> str:
        below = getattr(tier, "below", None)
        return "" if below is None else first_unit_after(below)


def ascending(tiers: Iterable[Tier]) -> list[Tier]:
    """Return tiers in ascending order, each with the bound `below` it."""
    sorted_tiers = sorted(tiers, key=lambda tier: _sort_key(tier.up_to))
    for lower, tier in zip([None, *sorted_tiers], sorted_tiers, strict=False):
        vars(tier)["below"] = lower.up_to if lower else Decimal(0)
    return sorted_tiers


def in_order(rows: Iterable["forms.ModelForm[Tier]"]) -> list["forms.ModelForm[Tier]"]:
    """Return valid rows in ascending order."""
    return sorted(rows, key=lambda form: _sort_key(_bound(form)))


def _sort_key(bound: Decimal | None) -> tuple[bool, Decimal]:
    return bound is None, bound or Decimal(0)


def _bound(form: "forms.ModelForm[Tier]") -> Decimal | None:
    return form.cleaned_data.get("up_to")
