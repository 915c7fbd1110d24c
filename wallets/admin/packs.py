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
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from lib.admin import ConfirmedAction, Response, StaffAdmin, StaffInline, list_url
from lib.admin.columns import column
from lib.admin.number_fields import NumberInput, number_cell
from lib.audit_log import audited_transaction
from lib.formats import format_money, format_number, format_units
from lib.money import round_money
from lib.row_form import RowForm
from plans.models import BonusSlab, CreditPack, Feature, PackPrice
from plans.models.catalog import FeatureKind
from plans.models.packs import PackUnit, SlabsBy
from wallets.credit_rules.packs import PurchaseAmounts, Slab, price_purchase

FIGURES = ("units", "least_units", "most_units", "rollover_most")
STATE_COLORS = {"sold": "success", "planned": "info", "over": "warning", "archived": ""}


class PackForm(RowForm[CreditPack]):
    features = forms.MultipleChoiceField(
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        label="Only for",
        help_text="Tick none, and it pays for everything.",
    )

    class Meta:
        model = CreditPack
        fields = (
            *("code", "name", "unit", "units", "least_units", "most_units", "slabs_by", "is_taxed", "valid_days"),
            *("features", "priority", "rolls_over", "rollover_most", "rollover_days", "sold_from", "sold_until"),
        )
        labels = {
            "units": "Units in a pack",
            "least_units": "or sold one by one, from",
            "most_units": "up to, at a time",
            "slabs_by": "A bonus is reached by",
            "is_taxed": "Taxed when it is bought",
            "valid_days": "Days until it expires",
            "rolls_over": "Rolls over, times",
            "rollover_most": "at most, units",
            "rollover_days": "for another, days",
            "sold_from": "Sold from (UTC)",
            "sold_until": "Sold until (UTC)",
        }
        help_texts = {
            "is_taxed": "Always, but for money that pays invoices: that is taxed on these.",
            "valid_days": "From when it is granted; empty for never.",
            "priority": "Of what it grants: the lowest number is used first.",
        }
        widgets = {name: NumberInput() for name in FIGURES}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        metered = Feature.objects.filter(kind=FeatureKind.METERED).values_list("code", "name")
        if "features" in self.fields:
            self.fields["features"].choices = sorted(metered)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not {"units", "least_units", "most_units"} & self.errors.keys():
            self._clean_units(cleaned)
        if not cleaned.get("is_taxed") and cleaned.get("unit") == PackUnit.CREDITS:
            self.add_error("is_taxed", "Credits are taxed when they are bought: what uses them up claims nothing.")
        if not cleaned.get("valid_days") and cleaned.get("rolls_over"):
            self.add_error("rolls_over", "Only what expires rolls over: say after how many days.")
        if not cleaned.get("rolls_over"):
            cleaned |= {"rollover_most": None, "rollover_days": None}
        since, until = cleaned.get("sold_from"), cleaned.get("sold_until")
        if since and until and until <= since:
            self.add_error("sold_until", "It would end before it begins: choose a later moment.")
        return cleaned

    def _clean_units(self, cleaned: dict[str, Any]) -> None:
        held, least, most = (cleaned.get(name) for name in ("units", "least_units", "most_units"))
        if (held is None) == (least is None and most is None):
            self.add_error("units", "Say what a pack holds, or that its units are sold one by one, from how many.")
        elif held is not None and held <= 0:
            self.add_error("units", "A pack holds more than nothing.")
        elif held is None and not (least and most and 0 < least <= most):
            self.add_error("least_units", "Say from how many to how many are sold at a time.")


class PackPriceForm(RowForm[PackPrice]):
    class Meta:
        model = PackPrice
        fields = ("currency", "price")
        widgets = {"price": NumberInput()}

    def clean_price(self) -> Decimal:
        price: Decimal = self.cleaned_data["price"]
        if price <= 0:
            raise forms.ValidationError("A pack costs more than nothing; what is given away is granted.")
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
    verbose_name = "price"
    verbose_name_plural = "Price before tax: of a pack, or of each unit that is sold one by one"
    ordering = ("currency",)


class SlabInline(StaffInline):
    model = BonusSlab
    form = SlabForm
    verbose_name = "bonus"
    verbose_name_plural = "Bonus from so much on: units for each pack, percent of what is bought; the highest applies"
    ordering = ("least",)


class ArchivePack(ConfirmedAction[CreditPack]):
    label, icon = "Archive", "archive"
    permission = "plans.change_creditpack"
    is_offered = staticmethod(lambda pack: pack.archived_at is None)
    title = "Archive {}"
    consequences = ["Nobody can buy it any more, by hand or by itself.", "What was bought stays as it is."]

    def run(self, pack: CreditPack) -> Response:
        with audited_transaction("archive pack", by=self.user, at=timezone.now()):
            CreditPack.objects.filter(pk=pack.pk, archived_at=None).update(archived_at=timezone.now())
        return self.done(f"{pack} is sold no more.", to=list_url(CreditPack))


@admin.register(CreditPack)
class PackAdmin(StaffAdmin):
    allows = ("add", "change")  # packs are archived instead of deleted: purchases refer to them
    form = PackForm
    inlines = (PriceInline, SlabInline)
    list_display = ("code", "name", "holds", "costs", "state")
    search_fields = ("code", "name")
    fixed_fields = ("code",)  # top-ups and the API know it by its code
    actions_detail = ("archive",)
    further_pages = (("example/", "example_view", "plans_creditpack_example"),)

    fieldsets = (
        (
            "What it is",
            {"fields": ("code", "name", "unit", ("units", "least_units", "most_units"), "slabs_by", "is_taxed")},
        ),
        (
            "How long it lasts, and what for",
            {"fields": ("valid_days", ("rolls_over", "rollover_most", "rollover_days"), "features", "priority")},
        ),
        ("When it is sold", {"fields": ("sold_from", "sold_until")}),
    )

    archive = ArchivePack.as_action()
    change_form_outer_after_template = "staff/wallets/pack_example.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[CreditPack]:
        prices = Prefetch("prices", PackPrice.objects.order_by("currency"))
        return super().get_queryset(request).prefetch_related(prices)

    def is_editable(self, pack: CreditPack) -> bool:
        return pack.archived_at is None

    holds = column("Holds", lambda pack: number_cell(_amount(pack)), ordering="units")

    @display(description="Price")
    def costs(self, pack: CreditPack) -> str:
        each = " each" if pack.units is None else ""
        return number_cell(
            " · ".join(
                f"{format_money(pack_price.price, str(pack_price.currency))}{each}"
                for pack_price in pack.prices.all()
            )
        )

    @display(description="State", label=STATE_COLORS)
    def state(self, pack: CreditPack) -> tuple[str, str]:
        at = timezone.now()
        if pack.archived_at is not None:
            return "archived", "archived"
        if pack.is_on_sale(at):
            return "sold", "on sale"
        is_planned = pack.sold_from is not None and pack.sold_from > at
        return ("planned", "planned") if is_planned else ("over", "over")

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
    buys = format_units(packs, "pack") if pack.units is not None else format_number(order.units)
    return {"buys": buys, "order": order, "each": each, "currency": currency}


def _amount(pack: CreditPack) -> str:
    """Return the content of a pack in words: “100 credits”, “10 to 500 credits”."""
    word = "credits" if pack.unit == PackUnit.CREDITS else "of its currency"
    if pack.units is not None:
        return f"{format_number(pack.units)} {word}"
    return f"{format_number(pack.least_units or 0)} to {format_number(pack.most_units or 0)} {word}"
