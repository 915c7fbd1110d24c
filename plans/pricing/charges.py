"""
The charge models, by the names that a rate carries.

Each model is one module with one frozen dataclass: prices in, `rate(quantity)` out. A new model (percentage,
graduated_percentage, dynamic) is a module like these, a member of `Charge` and a line of `CHARGES`.
"""

from typing import TypeAlias

from plans.pricing.bounds import InvalidCharge, InvalidQuantity
from plans.pricing.flat import Flat
from plans.pricing.graduated import Graduated
from plans.pricing.package import Package
from plans.pricing.per_unit import PerUnit
from plans.pricing.tiers import Tier
from plans.pricing.volume import Volume

__all__ = [
    "CHARGES",
    "Charge",
    "Flat",
    "Graduated",
    "InvalidCharge",
    "InvalidQuantity",
    "Package",
    "PerUnit",
    "Tier",
    "Volume",
]

Charge: TypeAlias = Flat | PerUnit | Package | Graduated | Volume
"""What a rate charges by: `rate(quantity) -> tuple[Part, ...]`, and whether it is `due_without_usage`."""

CHARGES: dict[str, type[Charge]] = {
    "flat": Flat,
    "per_unit": PerUnit,
    "package": Package,
    "graduated": Graduated,
    "volume": Volume,
}
