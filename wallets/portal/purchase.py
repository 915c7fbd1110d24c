"""Top up a wallet: choose a pack, preview the price, buy."""

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.db import transaction
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from customers.portal.visit import Visit, redirect_with_message, render_page, signed_in
from invoices.portal.formats import PortalFigures, portal_figures
from invoices.portal.payment import pay_link
from lib.decimals import ZERO
from plans.models import BonusSlab, CreditPack, Feature, PackPrice
from plans.models.packs import PackUnit, SlabsBy
from wallets.credit_rules.topup_rule import MAX_PACKS
from wallets.models import Purchase, PurchaseState, Wallet
from wallets.models.wallets import CREDITS
from wallets.purchases import PackOrder, PurchaseRefused, buy
from wallets.statements.formats import display_currency

# Bounds the length of the page; the cheapest packs come first.
MAX_OFFERED = 50


class OrderForm(forms.Form):
    """The order. reference: identifies the order, so that sending it twice buys once."""

    pack = forms.ChoiceField(label=_("Pack"), widget=forms.RadioSelect)
    packs = forms.IntegerField(label=_("Number of packs"), min_value=1, max_value=MAX_PACKS, required=False)
    units = forms.DecimalField(
        label=_("Quantity"),
        min_value=0,
        max_digits=32,
        decimal_places=12,
        required=False,
        help_text=_("Only for packs without a fixed size."),
    )
    reference = forms.UUIDField(widget=forms.HiddenInput)

    fields: dict[str, Any]  # each of its own class

    def __init__(self, *args: Any, offered: list[PackPrice], figures: PortalFigures, **kwargs: Any) -> None:
        initial = {"packs": 1, "reference": uuid.uuid4()}
        super().__init__(*args, **{"label_suffix": "", "initial": initial, **kwargs})
        self.offered = {price.pack.code: price.pack for price in offered}
        self.fields["pack"].choices = pack_choices(offered, figures)
        if all(pack.units is not None for pack in self.offered.values()):
            del self.fields["units"]
        elif all(pack.units is None for pack in self.offered.values()):
            del self.fields["packs"]

    @property
    def order(self) -> PackOrder:
        """The order, once the form is valid."""
        chosen = self.cleaned_data
        reference = f"portal:{chosen['reference']}"
        if self.offered[chosen["pack"]].units is None:
            return PackOrder(chosen["pack"], reference, units=chosen.get("units"))
        return PackOrder(chosen["pack"], reference, packs=chosen.get("packs") or 1)


@signed_in("GET", "POST")
def top_up(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """Show the price of an order; a second, identical request buys it."""
    wallet: Wallet = visit.own_row(Wallet.objects.filter(closed_at__isnull=True), pk=number)
    figures = portal_figures(visit, str(wallet.currency))
    form = OrderForm(request.POST or None, offered=offered_for(visit, wallet), figures=figures)
    context: dict[str, Any] = {"wallet": wallet, "form": form}
    if request.method == "POST" and form.is_valid():
        try:
            if request.POST.get("seen") == _seen(form.order):
                purchase = buy(wallet_id=wallet.pk, order=form.order, at=visit.at)
                return _bought(purchase)
            context |= {"preview": _preview(wallet, form.order, figures, visit), "seen": _seen(form.order)}
        except PurchaseRefused as refused:
            form.add_error(refused.field if refused.field in form.fields else None, str(refused))
    return render_page(request, visit, "top_up.html", context, status=422 if form.errors else 200)


def _seen(order: PackOrder) -> str:
    """Return the order as text, so that the purchase is exactly the order shown."""
    return f"{order.pack} {order.packs} {order.units}"


def _bought(purchase: Purchase) -> HttpResponseBase:
    if link := pay_link(purchase.invoice):
        return HttpResponseRedirect(link, status=303)
    message = "granted" if purchase.state == PurchaseState.GRANTED else "bought"
    return redirect_with_message("portal_wallet", purchase.wallet_id, message=message)


def _preview(wallet: Wallet, order: PackOrder, figures: PortalFigures, visit: Visit) -> dict[str, str]:
    """Return the amounts of an order; it is bought and rolled back."""
    with transaction.atomic():
        purchase = buy(wallet_id=wallet.pk, order=order, at=visit.at)
        invoice, unit = purchase.invoice, display_currency(wallet.unit)
        amounts = {
            "units": figures.in_currency(purchase.units, unit),
            "bonus": figures.in_currency(purchase.bonus, unit) if purchase.bonus else "",
            "net": figures.money(invoice.net.amount),
            "tax": figures.money(invoice.tax.amount),
            "total": figures.money(invoice.total.amount),
            "due_on": figures.date(invoice.due_date) if invoice.due_date else "",
        }
        transaction.set_rollback(True)
    return amounts


def offered_units(visit: Visit) -> set[tuple[str, str, bool]]:
    """Return what is on sale, in one query: the unit that a pack holds, the currency of its price, `is_taxed`."""
    prices = PackPrice.objects.filter(pack__in=CreditPack.objects.on_sale(visit.at))
    return set(prices.values_list("pack__unit", "currency", "pack__is_taxed").distinct())


def has_offer(wallet: Wallet, offered: set[tuple[str, str, bool]]) -> bool:
    """Return whether `offered_for` has a pack for an open wallet. offered: of `offered_units`."""
    unit = PackUnit.CREDITS if wallet.unit == CREDITS else PackUnit.MONEY
    return any(
        (pack_unit, currency) == (unit, str(wallet.currency)) and not (wallet.pays_invoices and is_taxed)
        for pack_unit, currency, is_taxed in offered
    )


def offered_for(visit: Visit, wallet: Wallet) -> list[PackPrice]:
    """Return the packs on sale for a wallet, by price, in two queries."""
    unit = PackUnit.CREDITS if wallet.unit == CREDITS else PackUnit.MONEY
    packs = CreditPack.objects.on_sale(visit.at).filter(unit=unit)
    if wallet.pays_invoices:  # money is taxed once: at the purchase, or on the invoices that it pays
        packs = packs.filter(is_taxed=False)
    slabs = Prefetch("pack__slabs", BonusSlab.objects.order_by("least"))
    prices = PackPrice.objects.filter(pack__in=packs, currency=wallet.currency).select_related("pack")
    return list(prices.prefetch_related(slabs).order_by("price", "pk")[:MAX_OFFERED])


def pack_choices(offered: Sequence[PackPrice], figures: PortalFigures) -> list[tuple[str, str]]:
    """Return packs as choices of a form: code and text."""
    codes = {code for price in offered for code in price.pack.features}
    names = dict(Feature.objects.filter(code__in=codes).values_list("code", "name")) if codes else {}
    return [(price.pack.code, _pack_text(price, figures, names)) for price in offered]


def _pack_text(pack_price: PackPrice, figures: PortalFigures, feature_names: Mapping[str, str]) -> str:
    """Return a pack in words: “Small: 100 credits for $99.00 before tax; for Images; valid for 365 days”."""
    pack, currency = pack_price.pack, str(pack_price.currency)
    unit = display_currency(CREDITS if pack.unit == PackUnit.CREDITS else currency)
    texts = [_offer_text(pack_price, figures, unit), *_bonuses(pack_price, figures, unit)]
    if pack.features:
        names = ", ".join(feature_names.get(code, code) for code in pack.features)
        texts.append(gettext("for %(features)s") % {"features": names})
    if pack.valid_days:
        valid = ngettext("valid for %(count)s day", "valid for %(count)s days", pack.valid_days)
        texts.append(valid % {"count": figures.quantity(Decimal(pack.valid_days))})
    return "; ".join(texts)


def _offer_text(pack_price: PackPrice, figures: PortalFigures, unit: str) -> str:
    pack = pack_price.pack
    names = {"pack": pack.name, "price": figures.in_currency(pack_price.price, str(pack_price.currency))}
    if pack.units is not None:
        names["units"] = figures.in_currency(pack.units, unit)
        if pack.is_taxed:
            return gettext("%(pack)s: %(units)s for %(price)s before tax") % names
        return gettext("%(pack)s: %(units)s for %(price)s") % names
    least, most = pack.least_units or ZERO, pack.most_units or ZERO
    names |= {"least": figures.quantity(least), "most": figures.in_currency(most, unit)}
    if pack.is_taxed:
        return gettext("%(pack)s: %(least)s to %(most)s, %(price)s each before tax") % names
    return gettext("%(pack)s: %(least)s to %(most)s, %(price)s each") % names


def _bonuses(pack_price: PackPrice, figures: PortalFigures, unit: str) -> list[str]:
    texts = []
    for slab in pack_price.pack.slabs.all():
        bonus_parts = [figures.in_currency(slab.units, unit)] if slab.units else []
        bonus_parts += [figures.percent(slab.percent)] if slab.percent else []
        if not bonus_parts:
            continue
        names = {"bonus": " + ".join(bonus_parts), "least": _least_text(pack_price, slab, figures)}
        texts.append(
            (gettext("bonus of %(bonus)s from %(least)s") if slab.least else gettext("bonus of %(bonus)s")) % names
        )
    return texts


def _least_text(pack_price: PackPrice, slab: BonusSlab, figures: PortalFigures) -> str:
    if pack_price.pack.slabs_by == SlabsBy.PRICE:
        return figures.in_currency(slab.least, str(pack_price.currency))
    return figures.quantity(slab.least)
