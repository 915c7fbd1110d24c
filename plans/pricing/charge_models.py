"""
The charge models, by the names that a rate carries.

Each model is one module with one frozen dataclass: prices in, `rate(…)` out. Most are told a quantity; what looks at
the events themselves is told a `Usage`. A new model is a module like these and a member of `Charge`.
"""

from typing import TypeAlias

from plans.pricing.dynamic import Dynamic
from plans.pricing.flat import Flat
from plans.pricing.graduated import Graduated
from plans.pricing.package import Package
from plans.pricing.per_unit import PerUnit
from plans.pricing.percentage import Percentage
from plans.pricing.tiers import Tier
from plans.pricing.validation import InvalidCharge, InvalidQuantity
from plans.pricing.volume import Volume

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
    "QuantityCharge",
    "Tier",
    "Volume",
]

QuantityCharge: TypeAlias = Flat | PerUnit | Package | Graduated | Volume
"""What charges by the quantity alone: `rate(quantity) -> tuple[Part, ...]`."""

Charge: TypeAlias = QuantityCharge | Percentage | Dynamic
"""What a rate charges by; whether it is `due_without_usage`, and what it `reads` of the usage."""
