"""The rates of a price, each with its tiers."""

from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from lib.admin import StaffInline
from lib.admin.columns import column
from lib.admin.number_fields import NumberInput, strip_padding
from lib.row_form import RowForm
from plans.admin.fields.dimension_match import DEFAULT, MatchField
from plans.admin.fields.price_unit import PerField, readable_per, to_unit_price
from plans.admin.fields.row_order import OrderedFormSet
from plans.admin.prices.example_quantities import QuantitiesField
from plans.admin.prices.tiers import TierFormSet, TierInline, check_figure
from plans.catalog.dimension_text import format_match
from plans.catalog.stored_terms import build_rate_terms
from plans.models import Price, Rate
from plans.models.prices import PRICED, TIERED, ChargeModel, CostSource, PackageRounding
from plans.pricing.validation import check_price, check_units

READ_BY = {
    "package_rounding": ChargeModel.PACKAGE,
    "percent": ChargeModel.PERCENTAGE,
    "fixed_fee": ChargeModel.PERCENTAGE,
    "free_events": ChargeModel.PERCENTAGE,
    "free_value": ChargeModel.PERCENTAGE,
    "least_per_event": ChargeModel.PERCENTAGE,
    "most_per_event": ChargeModel.PERCENTAGE,
    "cost_source": ChargeModel.DYNAMIC,
    "markup": ChargeModel.DYNAMIC,
}
"""Fields that only one charge model reads."""

UNREAD: dict[str, Any] = {
    "package_rounding": PackageRounding.UP,
    "percent": None,
    "fixed_fee": Decimal(0),
    "free_events": 0,
    "free_value": Decimal(0),
    "least_per_event": None,
    "most_per_event": None,
    "cost_source": CostSource.EVENT,
    "markup": Decimal(1),
}
"""Values of these fields if none is entered or the charge model does not read them."""

CHOICES = ("package_rounding", "cost_source")
FIGURES = ("unit_price", "package_size", *(name for name in READ_BY if name not in CHOICES))


class RateForm(RowForm[Rate]):
    """A rate; `example` is the usage for its live example and is not saved."""

    defaults = UNREAD

    match = MatchField()
    per = PerField()
    example = QuantitiesField(label=_("Example usage"))

    nested_formsets: list[Any]  # set by the theme

    class Meta:
        model = Rate
        fields = ("position", "match", "label", "model", "unit_price", "per", *FIGURES[1:], *CHOICES, "example")
        labels = {
            "model": _("Charge model"),
            "position": _("Order"),
            "unit_price": _("Price"),
            "label": _("Invoice label"),
            "package_size": _("Package size"),
            "package_rounding": _("Package rounding"),
            "percent": _("Percent"),
            "fixed_fee": _("Fixed fee"),
            "free_events": _("Free events"),
            "free_value": _("Free value"),
            "least_per_event": _("Minimum per event"),
            "most_per_event": _("Maximum per event"),
            "cost_source": _("Cost from"),
            "markup": _("Markup"),
        }
        widgets = {name: NumberInput() for name in ("position", *FIGURES)}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        price: Decimal | None = self.instance.unit_price
        if self.instance.pk and price is not None and self.instance.model == ChargeModel.PER_UNIT:
            self.initial["per"] = per = readable_per(price)
            self.initial["unit_price"] = price * Decimal(per)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        model = cleaned.get("model")
        # The page hides the fields that the chosen model does not read, and their values are reset.
        for name, default in UNREAD.items():
            if model != READ_BY[name] or cleaned.get(name) is None:
                cleaned[name] = default
        if model == ChargeModel.PER_UNIT and cleaned.get("unit_price") is not None and "per" in cleaned:
            self._convert_to_unit_price(cleaned)
        if model not in PRICED:
            cleaned["unit_price"] = None
        elif "unit_price" in cleaned and cleaned["unit_price"] is None:
            self.add_error("unit_price", gettext("Enter a price; 0 makes the usage free."))
        elif "unit_price" in cleaned:
            check_figure(self, "unit_price", check_price, gettext("The price"))
        if model == ChargeModel.PERCENTAGE and cleaned.get("percent") is None:
            self.add_error("percent", gettext("Enter a percentage, such as 2.9."))
        if model != ChargeModel.PACKAGE:
            cleaned["package_size"] = None
        elif "package_size" in cleaned and cleaned["package_size"] is None:
            self.add_error("package_size", gettext("Enter the number of units in a package."))
        elif "package_size" in cleaned:
            check_figure(self, "package_size", check_units, gettext("The package size"))
        return cleaned

    def _convert_to_unit_price(self, cleaned: dict[str, Any]) -> None:
        """Convert the price to that of one unit if it was entered per thousand or million units."""
        try:
            cleaned["unit_price"] = to_unit_price(cleaned["unit_price"], cleaned["per"])
        except forms.ValidationError as refusal:
            self.add_error("unit_price", refusal)

    @property
    def tier_formset(self) -> TierFormSet:
        formset: TierFormSet = self.nested_formsets[0].formset
        return formset


class RateFormSet(OrderedFormSet):
    """All rates of a price, each checked by the rules of plans.pricing."""

    def clean(self) -> None:
        super().clean()
        matches: set[tuple[tuple[str, str], ...]] = set()
        for form in self.kept():
            match = tuple(sorted(form.cleaned_data.get("match", {}).items()))
            if match in matches:
                form.add_error("match", gettext("Another rate applies to the same usage."))
            matches.add(match)
            self._check(form)

    def _check(self, form: RateForm) -> None:
        tiers = form.tier_formset
        tiered = form.cleaned_data.get("model") in TIERED
        if tiered:
            tiers.explain_misfits()
        if form.errors or (tiered and not tiers.is_valid()):
            return
        tier_instances = [row.instance for row in tiers.ladder()]
        try:
            build_rate_terms(form.instance, tier_instances)
        except ValueError as error:
            form.add_error(None, str(error))


class RateInline(StaffInline):
    model = Rate
    form = RateForm
    formset = RateFormSet
    inlines = (TierInline,)
    min_num = 1
    verbose_name = _("rate")
    verbose_name_plural = _("Rates")
    ordering = ("position", "pk")
    fields = ("match", "label", "position", "model", "unit_price", "per", *FIGURES[1:], *CHOICES, "example")
    readonly_preprocess_fields = dict.fromkeys(FIGURES, strip_padding)

    def get_fields(self, request: HttpRequest, obj: Price | None = None) -> Any:
        if self.has_change_permission(request, obj):
            return self.fields
        return ("match_shown", "label", "model", *FIGURES)

    def get_readonly_fields(self, request: HttpRequest, obj: Price | None = None) -> tuple[str, ...]:
        return () if self.has_change_permission(request, obj) else ("match_shown",)

    def is_editable(self, price: Price) -> bool:
        return is_editable(price)

    match_shown = column(_("Applies to"), lambda rate: format_match(rate.match) or DEFAULT)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rate]:
        return super().get_queryset(request).prefetch_related("tiers")


def is_editable(price: Price) -> bool:
    """Return whether a price can change: only while its version is a draft."""
    return price.plan_feature.version.is_editable
