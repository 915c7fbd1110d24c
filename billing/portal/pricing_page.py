"""The public pricing table, generated from the prices in force: alone, or in a frame of the seller's site."""

from typing import Any

from babel.numbers import get_currency_name
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone, translation
from django.views.decorators.http import require_safe

from billing.portal.offer_text import (
    OfferRow,
    OfferText,
    describe_changes,
    describe_offer,
    described_versions,
    not_included,
)
from customers.models import Seller
from customers.portal.brand import brand_of
from customers.portal.frames import allow_frames
from customers.portal.language import framed_language
from invoices.portal.formats import PortalFigures, party_figures
from plans.catalog.pricing_table import MAX_PLANS, PricingTable, PublicOffer, read_pricing_table
from plans.models import PlanVersion
from plans.models.catalog import FeatureKind


@require_safe
def pricing(request: HttpRequest, seller: str) -> HttpResponseBase:
    """
    Show the public plans in a currency.

    :raises Http404: if the seller is unknown, or no plan is public.
    """
    seller_row = get_object_or_404(Seller, code=seller)
    table = _read_table(request, seller_row)
    with translation.override(framed_language(request)):
        figures = party_figures(seller_row, table.currency)
        context = {
            "seller": seller_row,
            "brand": brand_of(seller_row),
            "offers": _offers(table, figures),
            "currencies": [_tab(request, code, table, figures) for code in table.currencies],
            "may_choose": "choose" in request.GET,
        }
        return allow_frames(render(request, "embed/pricing.html", context), seller_row)


def _read_table(request: HttpRequest, seller: Seller) -> PricingTable:
    """Return the table in the currency of the address, or the seller's, or another one that the plans have."""
    at, plans, versions = timezone.now(), request.GET.getlist("plan")[:MAX_PLANS], described_versions()
    table = read_pricing_table(currency=str(seller.currency), at=at, plans=plans, versions=versions)
    wanted = request.GET.get("currency", "")
    if not table.offers and wanted not in table.currencies:
        wanted = next(iter(table.currencies), "")
    if wanted in table.currencies and wanted != table.currency:
        table = read_pricing_table(currency=wanted, at=at, plans=plans, versions=versions)
    if not table.offers:
        raise Http404
    return table


def _tab(request: HttpRequest, code: str, table: PricingTable, figures: PortalFigures) -> dict[str, Any]:
    query = request.GET.copy()
    query["currency"] = code
    name = get_currency_name(code, locale=figures.locale)
    return {"name": name, "query": query.urlencode(), "is_current": code == table.currency}


def _offers(table: PricingTable, figures: PortalFigures) -> list[dict[str, Any]]:
    """Return the offers as text; a plan without a feature that others include says so."""
    texts = [describe_offer(offer.version, table.currency, figures) for offer in table.offers]
    included = {row.key: row for text in texts for row in text.rows if row.key.startswith(FeatureKind.BOOLEAN)}
    return [
        _offer(offer, text, included, table.currency, figures)
        for offer, text in zip(table.offers, texts, strict=True)
    ]


def _offer(
    offer: PublicOffer, text: OfferText, included: dict[str, OfferRow], currency: str, figures: PortalFigures
) -> dict[str, Any]:
    keys = {row.key for row in text.rows}
    version, upcoming = offer.version, offer.upcoming
    later = describe_offer(upcoming, currency, figures) if upcoming else None
    return {
        "code": version.plan.code,
        "name": version.plan.name,
        "description": version.plan.description,
        "text": text,
        "rows": [*text.rows, *(not_included(row) for key, row in included.items() if key not in keys)],
        "changes_from": figures.date(upcoming.effective_from) if upcoming and upcoming.effective_from else "",
        "changes": describe_changes(text, later) if later else [],
        "last_day": _last_day(version, figures) if upcoming is None else "",
    }


def _last_day(version: PlanVersion, figures: PortalFigures) -> str:
    if version.effective_from is None or version.effective_to is None:
        return ""
    return figures.day(figures.days(version.effective_from, version.effective_to)[1])
