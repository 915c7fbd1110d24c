"""The seller's side of a document: facts, policies, and the tax of each line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from django.conf import settings

from customers.models import Seller
from invoices.documents.buyer_details import Buyer
from invoices.documents.totals import Taxes
from invoices.models import TaxRate
from invoices.tax.calculation import BY_RATES, Supply, taxes_on
from invoices.tax.rates import seen_of

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
    country: str = ""
    _known: dict[tuple[Any, ...], Taxes] = field(default_factory=dict)

    def taxes_of(self, buyer: Buyer, *, at: datetime, code: str = "") -> Taxes:
        """
        Return the taxes on what is supplied to a buyer at `at`, by the seller's calendar.

        code: what the product is taxed as; empty for the ordinary rates.
        """
        by_table = settings.TAX_CALCULATOR == BY_RATES
        who = seen_of(buyer, seller_country=self.country) if by_table else buyer.customer_id
        key = (who, at, code)
        found = self._known.get(key)
        if found is None:
            on = at.astimezone(self.zone).date()
            found = self._known[key] = taxes_on(Supply(self.id, self.country, buyer, on, code, self.rates))
        return found

    def net_days_for(self, buyer: Buyer) -> int:
        """Return how many days after its issue a document is due: as agreed with the buyer, else the seller's own."""
        return self.net_days if buyer.net_days is None else buyer.net_days


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
        country=seller.country,
    )
