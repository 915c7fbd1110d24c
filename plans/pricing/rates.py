"""Rates by dimension: which price a use is charged by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from plans.pricing.charges import Charge


class Matching(Protocol):
    """What applies to usage of certain dimensions."""

    @property
    def match(self) -> tuple[tuple[str, str], ...]: ...


M = TypeVar("M", bound=Matching)


@dataclass(frozen=True, slots=True)
class Rate:
    """
    One way of charging, for usage whose dimensions match.

    key: what the quantities to rate are filed under; unique within a price.
    match: (dimension, value) pairs that a use must all carry; empty for the default rate, which takes every
        use.
    label: how the line reads.
    """

    key: int | str
    match: tuple[tuple[str, str], ...]
    charge: Charge
    label: str = ""


def match_rate(rates: Iterable[M], dimensions: Mapping[str, str]) -> M | None:
    """
    Return the most specific rate (or unit cost) that matches a use: the one with the most matched dimensions.

    dimensions: dimension → value of the use, as text; dimensions that no rate names do not matter.

    Among equally specific rates the first listed wins. None means that no rate covers the use: it is unbilled
    usage, to be reported by the caller.

    Source: docs/pricing.md#rates-by-dimension.
    """
    best: M | None = None
    for rate in rates:
        if best is not None and len(rate.match) <= len(best.match):
            continue
        if all(dimensions.get(name) == value for name, value in rate.match):
            best = rate
    return best
