"""The seller's side of a document: facts, policies, and the tax of each line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from customers.models import Seller
from invoices.buyers import Buyer
from invoices.models import TaxRate
from invoices.totals import Tax

SELLER_FACTS = (
    "code",
    "legal_name",
    "address_line1",
    "address_line2",
    "postal_code",
    "city",
    "region",
    "country",
    "tax_number",
    "email",
    "time_zone",
    "locale",
    "bank_details",
    "footer",
    "brand_color",
)
"""What is copied from the seller onto a document."""

LOOK_FACTS: dict[str, Any] = {
    "company_number": "",
    "logo_id": None,
    "accent_color": "",
    "paper": "",
    "account_holder": "",
    "iban": "",
    "bic": "",
    "payment_terms": "",
    "notes": "",
    "shows_usage": True,
    "shows_wallets": False,
    "e_invoices": "never",
}
"""What else is copied, unless it is this: most sellers set little of it, and a document has a copy of its own."""

NO_TAX = Tax("Tax", Decimal(0))
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class SellerTerms:
    """A seller as of one moment. rates: its tax rates of all countries and times."""

    id: int
    zone: ZoneInfo
    zone_name: str
    issues_zero_invoices: bool
    net_days: int
    facts: bytes
    rates: Sequence[TaxRate]
    _known: dict[tuple[str, str, datetime], Tax] = field(default_factory=dict)

    def tax_of(self, buyer: Buyer, *, at: datetime) -> Tax:
        """
        Return the tax on what is supplied to a buyer at `at`, by the seller's calendar.

        The rate of the buyer's country, else the one for all others, else none. An exempt buyer pays none, and the
        document says why.
        """
        key = (buyer.country, buyer.tax_exemption, at)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._tax(buyer, at.astimezone(self.zone).date())
        return found

    def _tax(self, buyer: Buyer, on: date) -> Tax:
        in_force = {rate.country: rate for rate in self.rates if _is_in_force(rate, on)}
        rate = in_force.get(buyer.country) or in_force.get("")
        tax = NO_TAX if rate is None else Tax(rate.name, rate.rate)
        return Tax(tax.name, Decimal(0), buyer.tax_exemption) if buyer.tax_exemption else tax


def _is_in_force(rate: TaxRate, on: date) -> bool:
    return rate.valid_from <= on and (rate.valid_to is None or on < rate.valid_to)


def last_instant(ends_at: datetime) -> datetime:
    """Return the last instant of a half-open interval, on which a supply over it is complete."""
    return ends_at - _TICK


def read_sellers(seller_ids: Iterable[int]) -> dict[int, SellerTerms]:
    """Return these sellers with their tax rates, in two queries."""
    sellers = Seller.objects.in_bulk(list(seller_ids))
    rates: dict[int, list[TaxRate]] = {}
    for rate in TaxRate.objects.filter(seller__in=sellers).order_by("id"):
        rates.setdefault(rate.seller_id, []).append(rate)
    return {id_: _terms(seller, rates.get(id_, [])) for id_, seller in sellers.items()}


def facts_of(seller: Seller) -> dict[str, Any]:
    """Return what a document copies of a seller as it is now."""
    facts = {name: getattr(seller, name) for name in SELLER_FACTS}
    look = {name: getattr(seller, name) for name in LOOK_FACTS}
    return facts | {name: value for name, value in look.items() if value != LOOK_FACTS[name]}


def _terms(seller: Seller, rates: Sequence[TaxRate]) -> SellerTerms:
    return SellerTerms(
        id=seller.pk,
        zone=ZoneInfo(seller.time_zone),
        zone_name=seller.time_zone,
        issues_zero_invoices=seller.zero_invoices == "issue",
        net_days=seller.net_days,
        facts=msgspec.json.encode(facts_of(seller)),
        rates=rates,
    )
