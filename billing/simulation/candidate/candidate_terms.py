"""
Terms of a candidate version, read once and unchanged until the simulation ends.

Periods keep the anchor of the version in force: with the candidate's own anchor, a simulated period would straddle
two of the candidate's periods.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from billing.simulation.candidate.prepaid import CandidateCredits
from plans.catalog.stored_terms import VersionTerms, list_currencies, read_terms
from plans.models import PlanVersion
from plans.pricing.period_anchor import AnchorKind
from wallets.statements.formats import display_currency

ANCHORS: tuple[AnchorKind, ...] = ("anniversary", "calendar")


class NotComparable(Exception):
    """A period can't be rated by a version; the text says why."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version to simulate, with its terms by currency and its included credits, as they were read."""

    version: PlanVersion
    by_currency: dict[str, VersionTerms]
    included: tuple[CandidateCredits, ...]

    def terms_for(self, terms_in_force: VersionTerms) -> VersionTerms:
        """
        Return the terms for a period billed by `terms_in_force`, with a negative version id.

        :raises NotComparable: if the version has no price in the currency, or another billing interval.
        """
        terms = self.by_currency.get(terms_in_force.currency)
        if terms is None:
            currencies = ", ".join(self.by_currency)
            raise NotComparable(
                f"{self.version} has no prices in {terms_in_force.currency}; its currencies are {currencies}."
            )
        if terms.interval != terms_in_force.interval:
            raise NotComparable(
                f"{self.version} bills every {_format_interval(terms)}, but this subscription is billed every"
                f" {_format_interval(terms_in_force)}."
            )
        return replace(
            terms, anchor=terms_in_force.anchor, version_id=_negative_id(self.version, terms_in_force.anchor)
        )

    def supposed_terms(self) -> list[VersionTerms]:
        """Return the terms with each anchor: every value that `terms_for` may return."""
        return [
            replace(terms, anchor=anchor, version_id=_negative_id(self.version, anchor))
            for terms in self.by_currency.values()
            for anchor in ANCHORS
        ]


def read_candidate(version: PlanVersion, *, currencies: Collection[str]) -> Candidate:
    """
    Return a version as it is stored now.

    currencies: the currencies of its periods; a version that charges nothing has terms in each of them.

    :raises ValueError: if one of its rates can't be charged; the text says why.
    """
    rows = version.included_credits.order_by("pk")
    return Candidate(
        version,
        {currency: read_terms(version, currency) for currency in list_currencies(version) or currencies},
        tuple(CandidateCredits(display_currency(row.unit), row.rule) for row in rows),
    )


def _negative_id(version: PlanVersion, anchor: str) -> int:
    # Negative, so that it is never the id of a stored version; one id for each anchor.
    return -(version.pk * len(ANCHORS) + ANCHORS.index(anchor))


def _format_interval(terms: VersionTerms) -> str:
    count, unit = terms.interval.count, terms.interval.unit
    return unit if count == 1 else f"{count} {unit}s"
