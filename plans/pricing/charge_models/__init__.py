"""
The charge models, by the names that a rate carries.

Each model is one module with one frozen dataclass: prices in, `rate(…)` out. Most models take a quantity; those that
depend on the events take a `RateUsage`. To add a model, add such a module and a member of `Charge`.
"""

from typing import TypeAlias

from plans.pricing.charge_models.dynamic import Dynamic
from plans.pricing.charge_models.flat import Flat
from plans.pricing.charge_models.graduated import Graduated
from plans.pricing.charge_models.package import Package
from plans.pricing.charge_models.per_unit import PerUnit
from plans.pricing.charge_models.percentage import Percentage
from plans.pricing.charge_models.tiers import PriceTier
from plans.pricing.charge_models.volume import Volume
from plans.pricing.validation import InvalidCharge, InvalidQuantity

__all__ = [
    "Charge",
    "Dynamic",
    "Flat",
    "Graduated",
    "InvalidCharge",
    "InvalidQuantity",
    "Package",
    "PerUnit",
    "Percentage",
    "PriceTier",
    "QuantityCharge",
    "Volume",
]

QuantityCharge: TypeAlias = Flat | PerUnit | Package | Graduated | Volume
"""The charges that depend on the quantity alone: `rate(quantity) -> tuple[RatingPart, ...]`."""

Charge: TypeAlias = QuantityCharge | Percentage | Dynamic
"""
The charge of a rate. `due_without_usage` and `reads` declare when it is due and on which detail of usage it depends.
"""
