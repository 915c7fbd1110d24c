"""The seller's details and terms on an invoice, and the tax of each line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from django.conf import settings

from customers.models import Seller
from invoices.amounts.totals import Taxes
from invoices.models import TaxRate
from invoices.tax.buyer_details import ADDRESS_FACTS, Buyer
from invoices.tax.calculation import BY_RATES, Supply, taxes_on
from invoices.tax.rates import tax_relevant_facts

SELLER_FACTS = ("code", *ADDRESS_FACTS, "bank_details", "footer", "brand_color")
"""The seller's fields that are copied onto an invoice."""

BRANDING_FACTS: dict[str, Any] = {
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
"""
Fields that are copied only if they differ from these defaults: most sellers set few of them, and each invoice stores
its own copy.
"""

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class SellerTerms:
    """A seller's current terms. rates: its tax rates of all countries and times."""

    id: int
    zone: ZoneInfo
    zone_name: str
    issues_zero_invoices: bool
    net_days: int
    facts: bytes
    rates: Sequence[TaxRate]
    country: str = ""
    _taxes_by_key: dict[tuple[Any, ...], Taxes] = field(default_factory=dict)

    def taxes_of(self, buyer: Buyer, *, at: datetime, code: str = "") -> Taxes:
        """
        Return the taxes on a supply to a buyer at `at`, dated by the seller's calendar.

        code: the product's tax code; empty for the ordinary rates.
        """
        # A custom calculator may use any fact of the buyer, so its taxes are cached for one customer alone.
        uses_rate_table = settings.TAX_CALCULATOR == BY_RATES
        buyer_key = tax_relevant_facts(buyer, seller_country=self.country) if uses_rate_table else buyer.customer_id
        key = (buyer_key, at, code)
        taxes = self._taxes_by_key.get(key)
        if taxes is None:
            supply_date = at.astimezone(self.zone).date()
            taxes = self._taxes_by_key[key] = taxes_on(
                Supply(self.id, self.country, buyer, supply_date, code, self.rates)
            )
        return taxes

    def net_days_for(self, buyer: Buyer) -> int:
        """Return the days from issue until payment is due: as agreed with the buyer, or else the seller's default."""
        return self.net_days if buyer.net_days is None else buyer.net_days


def last_instant(ends_at: datetime) -> datetime:
    """Return the last instant of a half-open interval, at which a supply over it is complete."""
    return ends_at - _TICK


def read_sellers(seller_ids: Iterable[int]) -> dict[int, SellerTerms]:
    """Return these sellers with their tax rates, in two queries."""
    sellers = Seller.objects.in_bulk(list(seller_ids))
    rates_by_seller: dict[int, list[TaxRate]] = {}
    for rate in TaxRate.objects.filter(seller__in=sellers).order_by("id"):
        rates_by_seller.setdefault(rate.seller_id, []).append(rate)
    return {seller_id: _terms(seller, rates_by_seller.get(seller_id, [])) for seller_id, seller in sellers.items()}


def seller_facts(seller: Seller) -> dict[str, Any]:
    """Return the seller's details that an invoice copies."""
    facts = {name: getattr(seller, name) for name in SELLER_FACTS}
    look = {name: getattr(seller, name) for name in BRANDING_FACTS}
    return facts | {name: value for name, value in look.items() if value != BRANDING_FACTS[name]}


def _terms(seller: Seller, rates: Sequence[TaxRate]) -> SellerTerms:
    return SellerTerms(
        id=seller.pk,
        zone=ZoneInfo(seller.time_zone),
        zone_name=seller.time_zone,
        issues_zero_invoices=seller.zero_invoices == "issue",
        net_days=seller.net_days,
        facts=msgspec.json.encode(seller_facts(seller)),
        rates=rates,
        country=seller.country,
    )
