"""Staff pages of tax rates and number series."""

from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from invoices.models import NumberSeries, TaxRate
from lib.admin import ReadOnlyAdmin, SellerRows
from lib.admin.columns import column, display, number_column
from lib.admin.number_fields import NumberInput, number_cell
from lib.admin.pick_lists import CountryList
from lib.formats import format_number
from lib.row_form import RowForm


class TaxRateForm(RowForm[TaxRate]):
    class Meta:
        model = TaxRate
        fields = (
            *("seller", "name", "country", "region", "code", "level", "rate", "reason"),
            *("valid_from", "valid_to"),
        )
        labels = {"code": _("Tax code")}
        widgets = {"rate": NumberInput(), "country": CountryList(empty=_("All other countries"))}


@admin.register(TaxRate)
class TaxRateAdmin(SellerRows, ModelAdmin):
    seller_paths = ("seller",)
    form = TaxRateForm
    list_display = ("name", "seller", "country_shown", "code_shown", "rate_shown", "valid_from", "valid_to")
    list_filter = ("seller",)
    list_select_related = ("seller",)
    search_fields = ("name", "country", "code", "seller__legal_name")
    ordering = ("seller", "country", "region", "level", "code", "-valid_from")
    autocomplete_fields = ("seller",)

    @display(description=_("Customers in"), ordering="country")
    def country_shown(self, rate: TaxRate) -> str:
        return " ".join(filter(None, [rate.country, rate.region])) or gettext("all other countries")

    @display(description=_("Tax code"), ordering="code")
    def code_shown(self, rate: TaxRate) -> str:
        code = rate.code or gettext("standard")
        if rate.level == 1:
            return code
        return gettext("%(code)s, level %(level)s") % {"code": code, "level": rate.level}

    rate_shown = column(_("Rate"), lambda rate: number_cell(f"{format_number(rate.rate)}%"), ordering="rate")


@admin.register(NumberSeries)
class NumberSeriesAdmin(ReadOnlyAdmin):
    """Read only: an assigned number is spent, and a gap would have to be explained to an auditor."""

    seller_paths = ("seller",)
    empty_text = _("A seller's number series are created with its first invoice.")
    list_display = ("seller", "code", "prefix", "last_number_shown")
    list_select_related = ("seller",)
    ordering = ("seller", "code")
    fields = ("seller", "code", "prefix", "sandbox", "last_number_shown")

    last_number_shown = number_column("last_number", _("Last number"), ordering="last_number")
