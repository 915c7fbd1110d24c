"""
The terms of a version that is tried: read once, and kept as they are until the simulation is over.

The periods stay those that there were, so what they are counted from is taken from the version in force: were it the
candidate's own, each of them would be a part of two.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from billing.simulation.candidate.prepaid import Included, unit_named
from plans.catalog.stored_terms import Terms, currencies_of, read_terms
from plans.models import PlanVersion

ANCHORS = ("anniversary", "calendar")


class NotComparable(Exception):
    """A period cannot be rated by a version; the text says why."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version to try, with its terms by currency, and what it includes, as they were read."""

    version: PlanVersion
    by_currency: dict[str, Terms]
    included: tuple[Included, ...]

    def terms_beside(self, own: Terms) -> Terms:
        """
        Return the terms for a period that is billed by `own`, under a number below zero.

        :raises NotComparable: if it has no price in the currency, or bills in other intervals.
        """
        found = self.by_currency.get(own.currency)
        if found is None:
            has = ", ".join(self.by_currency)
            raise NotComparable(f"{self.version} has no prices in {own.currency}; it charges in {has}.")
        if found.interval != own.interval:
            raise NotComparable(
                f"{self.version} bills every {_words(found)}, and this subscription is billed every {_words(own)}."
            )
        return replace(found, anchor=own.anchor, version_id=_number(self.version, own.anchor))

    def supposed(self) -> list[Terms]:
        """Return its terms with each anchor, as `terms_beside` may."""
        return [
            replace(terms, anchor=anchor, version_id=_number(self.version, anchor))
            for terms in self.by_currency.values()
            for anchor in ANCHORS
        ]


def read_candidate(version: PlanVersion, *, currencies: Collection[str]) -> Candidate:
    """
    Return a version as it is stored now.

    currencies: those that its periods are billed in. What charges nothing does so in each of them.

    :raises ValueError: if one of its rates cannot charge, with the reason in words.
    """
    rows = version.included_credits.order_by("pk")
    return Candidate(
        version,
        {currency: read_terms(version, currency) for currency in currencies_of(version) or currencies},
        tuple(Included(unit_named(one.unit), one.rule) for one in rows),
    )


def _number(version: PlanVersion, anchor: str) -> int:
    return -(version.pk * len(ANCHORS) + ANCHORS.index(anchor))


def _words(terms: Terms) -> str:
    count, unit = terms.interval.count, terms.interval.unit
    return unit if count == 1 else f"{count} {unit}s"
