"""Credit packs: created and changed by finance, with an example purchase while they are edited."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from lib.admin import ConfirmedAction, Response, StaffAdmin, StaffInline, list_url
from lib.admin.columns import column, display
from lib.admin.moment_presets import moment_presets, offer_moments, seller_zones
from lib.admin.number_fields import BlankInput, NumberInput, number_cell
from lib.admin.seller_restriction import OF_NO_SELLER
from lib.audit_log import audited_transaction
from lib.formats import format_money, format_number
from lib.money import round_money
from lib.row_form import RowForm
from plans.admin.fields.currency import CurrencyCodeField
from plans.models import BonusSlab, CreditPack, Feature, PackPrice
from plans.models.catalog import FeatureKind
from plans.models.packs import PackUnit, SlabsBy
from wallets.credit_rules.packs import PurchaseAmounts, Slab, price_purchase

STATE_COLORS = {"sold": "success", "planned": "info", "over": "warning", "archived": ""}


class PackForm(RowForm[CreditPack]):
    features = forms.MultipleChoiceField(
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        label=_("Features"),
        help_text=_("Select none to use the credits for all features."),
    )

    class Meta:
        model = CreditPack
        fields = (
            *(
                "code",
                "name",
                "unit",
                "units",
                "least_units",
                "most_units",
                "slabs_by",
                "is_taxed",
                "includes_tax",
                "valid_days",
            ),
            *("features", "priority", "rolls_over", "rollover_most", "rollover_days", "sold_from", "sold_until"),
        )
        labels = {
            "units": _("Units per pack"),
            "least_units": _("Minimum quantity"),
            "most_units": _("Maximum quantity"),
            "slabs_by": _("Volume bonus based on"),
            "is_taxed": _("Taxed at purchase"),
            "includes_tax": _("Price includes the tax on usage"),
            "valid_days": _("Expiry"),
            "rolls_over": _("Rollovers"),
            "rollover_most": _("Maximum units per rollover"),
            "rollover_days": _("Expiry after a rollover"),
            "sold_from": _("On sale from (UTC)"),
            "sold_until": _("On sale until (UTC)"),
        }
        help_texts = {
            "is_taxed": _("Turn this off for multi-purpose credits, which are taxed when they are used."),
            "includes_tax": _("Only for packs that are taxed when used. Otherwise, tax is added when they are used."),
            "priority": _("Grants with the lowest number are used first."),
        }
        widgets = {
            "units": BlankInput(_("A pack has"), _("units,")),
            "least_units": BlankInput(_("or customers buy any quantity from"), _("units")),
            "most_units": BlankInput(_("up to"), _("units.")),
            "valid_days": BlankInput(_("Units expire"), _("days after they are granted."), empty=_("never, or")),
            "rolls_over": BlankInput(_("Units that expire roll over"), _("times,")),
            "rollover_most": BlankInput(_("at most"), _("units each time,"), empty=_("all")),
            "rollover_days": BlankInput(_("and then expire"), _("days later."), empty=_("as long as at first")),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        metered = Feature.objects.filter(kind=FeatureKind.METERED).values_list("code", "name")
        if "features" in self.fields:
            self.fields["features"].choices = sorted(metered)
        offer_moments(self, moment_presets(timezone.now(), zone=seller_zones()[0]))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not {"units", "least_units", "most_units"} & self.errors.keys():
            self._clean_units(cleaned)
        if cleaned.get("is_taxed") and cleaned.get("includes_tax"):
            self.add_error("includes_tax", gettext("Prices that are taxed at purchase are before tax."))
        if not cleaned.get("valid_days") and cleaned.get("rolls_over"):
            self.add_error(
                "rolls_over", gettext("Only units that expire can roll over. Enter the days until they expire.")
            )
        if not cleaned.get("rolls_over"):
            cleaned |= {"rollover_most": None, "rollover_days": None}
        since, until = cleaned.get("sold_from"), cleaned.get("sold_until")
        if since and until and until <= since:
            self.add_error("sold_until", gettext("The end must be after the start."))
        return cleaned

    def _clean_units(self, cleaned: dict[str, Any]) -> None:
        held, least, most = (cleaned.get(name) for name in ("units", "least_units", "most_units"))
        if (held is None) == (least is None and most is None):
            self.add_error("units", gettext("Enter either the units per pack or a minimum and a maximum quantity."))
        elif held is not None and held <= 0:
            self.add_error("units", gettext("The units per pack must be above zero."))
        elif held is None and not (least and most and 0 < least <= most):
            self.add_error("least_units", gettext("Enter a minimum above zero and a maximum that is not lower."))


class PackPriceForm(RowForm[PackPrice]):
    currency = CurrencyCodeField(in_rows=True)

    class Meta:
        model = PackPrice
        fields = ("currency", "price")
        widgets = {"price": NumberInput()}

    def clean_price(self) -> Decimal:
        price: Decimal = self.cleaned_data["price"]
        if price <= 0:
            raise forms.ValidationError(
                gettext("The price must be above zero. To give credits away, grant them instead.")
            )
        return price


class SlabForm(RowForm[BonusSlab]):
    class Meta:
        model = BonusSlab
        fields = ("least", "units", "percent")
        widgets = dict.fromkeys(fields, NumberInput())


class PriceInline(StaffInline):
    model = PackPrice
    form = PackPriceForm
    min_num = 1
    verbose_name = _("price")
    verbose_name_plural = _("prices before tax, per pack or per unit")
    ordering = ("currency",)


class SlabInline(StaffInline):
    model = BonusSlab
    form = SlabForm
    verbose_name = _("volume bonus")
    verbose_name_plural = _("volume bonuses: units per pack, or percent of the purchase (the highest applies)")
    ordering = ("least",)


class ArchivePack(ConfirmedAction[CreditPack]):
    label, icon = _("Archive"), "archive"
    permission = "plans.change_creditpack"
    is_offered = staticmethod(lambda pack: pack.archived_at is None)
    title = _("Archive {}")
    consequences = (
        _("The pack can no longer be bought, and automatic top-ups can't use it."),
        _("Purchased credits stay valid."),
    )

    def run(self, pack: CreditPack) -> Response:
        with audited_transaction("archive pack", by=self.user, at=timezone.now()):
            CreditPack.objects.filter(pk=pack.pk, archived_at=None).update(archived_at=timezone.now())
        return self.done(gettext("%(pack)s was archived.") % {"pack": pack}, to=list_url(CreditPack))


@admin.register(CreditPack)
class PackAdmin(StaffAdmin):
    seller_paths = OF_NO_SELLER
    lists_currencies = True
    allows = ("add", "change")  # packs are archived instead of deleted: purchases refer to them
    form = PackForm
    inlines = (PriceInline, SlabInline)
    empty_text = _("Customers buy credits in packs. Add a pack to begin selling.")
    list_display = ("code", "name", "holds", "costs", "state")
    search_fields = ("code", "name")
    fixed_fields = ("code",)  # top-ups and the API know it by its code
    actions_detail = ("archive",)
    further_pages = (("example/", "example_view", "plans_creditpack_example"),)

    fieldsets = (
        (
            _("Pack"),
            {
                "fields": (
                    "code",
                    "name",
                    "unit",
                    *("units", "least_units", "most_units"),
                    "slabs_by",
                    *("is_taxed", "includes_tax"),
                )
            },
        ),
        (
            _("Validity and use"),
            {"fields": ("valid_days", "rolls_over", "rollover_most", "rollover_days", "features", "priority")},
        ),
        (_("Sale"), {"fields": ("sold_from", "sold_until")}),
    )

    archive = ArchivePack.as_action()
    change_form_outer_after_template = "staff/wallets/pack_example.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[CreditPack]:
        prices = Prefetch("prices", PackPrice.objects.order_by("currency"))
        return super().get_queryset(request).prefetch_related(prices)

    def is_editable(self, pack: CreditPack) -> bool:
        return pack.archived_at is None

    holds = column(_("Units"), lambda pack: number_cell(_amount(pack)), ordering="units")

    @display(description=_("Price"))
    def costs(self, pack: CreditPack) -> str:
        text = gettext("%(price)s per unit") if pack.units is None else "%(price)s"
        prices = [format_money(pack_price.price, str(pack_price.currency)) for pack_price in pack.prices.all()]
        return number_cell(" · ".join(text % {"price": price} for price in prices))

    @display(description=_("State"), label=STATE_COLORS)
    def state(self, pack: CreditPack) -> tuple[str, str]:
        at = timezone.now()
        if pack.archived_at is not None:
            return "archived", gettext("archived")
        if pack.is_on_sale(at):
            return "sold", gettext("on sale")
        is_planned = pack.sold_from is not None and pack.sold_from > at
        return ("planned", gettext("scheduled")) if is_planned else ("over", gettext("ended"))

    def example_view(self, request: HttpRequest) -> HttpResponse:
        """Show the amounts of purchases of the pack on the page."""
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        form = PackForm(request.POST)
        for name in ("code", "name"):  # neither matters, and the code may be a stored pack's own
            del form.fields[name]
        pack = CreditPack()
        problem = "" if form.is_valid() else next(str(texts[0]) for texts in form.errors.values())
        context: dict[str, Any] = {"problem": problem}
        if not problem:
            pack = CreditPack(**form.cleaned_data)
            context |= {"examples": examples(pack, _valid_rows(request, "prices"), _valid_rows(request, "slabs"))}
        return TemplateResponse(request, "staff/wallets/pack_example_result.html", context)


def _valid_rows(request: HttpRequest, prefix: str) -> list[Any]:
    """Return the valid rows of an inline; invalid ones are reported when the page is saved."""
    form_class = {"prices": PackPriceForm, "slabs": SlabForm}[prefix]
    count = request.POST.get(f"{prefix}-TOTAL_FORMS", "0")
    rows = []
    for index in range(min(int(count), 50) if count.isdigit() else 0):
        if request.POST.get(f"{prefix}-{index}-DELETE"):
            continue
        form = form_class(request.POST, prefix=f"{prefix}-{index}")
        if form.is_valid():
            rows.append(form.instance)
    return rows


def examples(pack: CreditPack, prices: list[PackPrice], slabs: list[BonusSlab]) -> list[dict[str, Any]]:
    """Return example purchases: one pack and several, or the fewest and the most units sold at a time."""
    rows = []
    for price in prices:
        currency = str(price.currency)
        for packs, units in _orders(pack):
            bonus_slabs = [Slab(slab.least, slab.units, slab.percent) for slab in slabs]
            by_price = pack.slabs_by == SlabsBy.PRICE
            each = price.price * (packs if pack.units is not None else units)
            order = price_purchase(units, each, currency, bonus_slabs, packs=packs, by_price=by_price)
            rows.append(_example(pack, packs, order, currency))
    return rows


def _orders(pack: CreditPack) -> list[tuple[int, Decimal]]:
    if pack.units is not None:
        return [(packs, pack.units * packs) for packs in (1, 2, 10)]
    return [(1, units) for units in sorted(filter(None, {pack.least_units, pack.most_units}))]


def _example(pack: CreditPack, packs: int, order: PurchaseAmounts, currency: str) -> dict[str, Any]:
    each = round_money(order.net / (order.units + order.bonus) * 1000, currency)
    buys = format_number(order.units)
    if pack.units is not None:
        buys = ngettext("%(count)s pack", "%(count)s packs", packs) % {"count": format_number(packs)}
    return {"buys": buys, "order": order, "each": each, "currency": currency}


def _amount(pack: CreditPack) -> str:
    """Return the content of a pack as text: “100 credits”, “10 to 500 credits”."""
    is_credits = pack.unit == PackUnit.CREDITS
    if pack.units is not None:
        text = gettext("%(units)s credits") if is_credits else gettext("%(units)s of the currency")
        return text % {"units": format_number(pack.units)}
    text = (
        gettext("%(least)s to %(most)s credits") if is_credits else gettext("%(least)s to %(most)s of the currency")
    )
    return text % {"least": format_number(pack.least_units or 0), "most": format_number(pack.most_units or 0)}
