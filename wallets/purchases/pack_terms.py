"""The terms of a pack at the time of its sale, as stored with the purchase."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from lib.decimals import EXACT
from plans.models import CreditPack, Feature
from plans.models.packs import PackUnit, SlabsBy
from wallets.credit_rules.packs import PurchaseAmounts, Slab, price_purchase
from wallets.models.lots import TaxPoint


class PackTerms(msgspec.Struct, frozen=True):
    """
    The terms of a pack.

    units: of one pack; None for packs sold unit by unit. price: of a pack, or of each unit, before tax.
    slabs: (from, units, percent). is_taxed, includes_tax: as of the pack. features: ids of the features it is for.
    """

    code: str
    name: str
    unit: str
    units: Decimal | None
    price: Decimal
    slabs: tuple[tuple[Decimal, Decimal, Decimal], ...]
    by_price: bool
    is_taxed: bool
    valid_days: int | None
    features: tuple[int, ...]
    priority: int
    rolls_over: int
    rollover_most: Decimal | None
    rollover_days: int | None
    includes_tax: bool = False

    @property
    def tax_point(self) -> TaxPoint:
        """When the price is taxed."""
        if self.is_taxed:
            return TaxPoint.SOLD
        return TaxPoint.INCLUDED if self.includes_tax else TaxPoint.USED

    def purchase_amounts(self, packs: int, units: Decimal | None, currency: str) -> PurchaseAmounts:
        """Return the amounts of a purchase of packs, or of units for packs sold unit by unit."""
        count = Decimal(packs)
        total_units = EXACT.multiply(self.units, count) if self.units is not None else units or Decimal(0)
        price = EXACT.multiply(self.price, total_units if self.units is None else count)
        slabs = [Slab(*slab) for slab in self.slabs]
        return price_purchase(total_units, price, currency, slabs, packs=packs, by_price=self.by_price)

    def expires_at(self, at: datetime) -> datetime | None:
        """Return the expiry of a lot granted at `at`."""
        return None if self.valid_days is None else at + timedelta(days=self.valid_days)

    def as_json(self) -> dict[str, Any]:
        """Return the terms in the form stored with the purchase."""
        content: dict[str, Any] = msgspec.to_builtins(self)
        return content


def current_terms(pack: CreditPack, currency: str) -> PackTerms | None:
    """Return a pack's current terms in a currency; None if it has no price in it."""
    price = pack.prices.filter(currency=currency).first()
    if price is None:
        return None
    features = Feature.objects.filter(code__in=pack.features).order_by("pk").values_list("pk", flat=True)
    return PackTerms(
        code=pack.code,
        name=pack.name,
        unit="credits" if pack.unit == PackUnit.CREDITS else currency,
        units=pack.units,
        price=price.price,
        slabs=tuple(pack.slabs.order_by("least").values_list("least", "units", "percent")),
        by_price=pack.slabs_by == SlabsBy.PRICE,
        is_taxed=pack.is_taxed,
        valid_days=pack.valid_days,
        features=tuple(features),
        priority=pack.priority,
        rolls_over=pack.rolls_over,
        rollover_most=pack.rollover_most,
        rollover_days=pack.rollover_days,
        includes_tax=pack.includes_tax,
    )


def load_terms(terms: dict[str, Any]) -> PackTerms:
    """Return the terms stored with a purchase."""
    return msgspec.convert(terms, PackTerms)
