"""The included credits of versions, in the form in which they are granted."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from plans.models import Feature, IncludedCredits
from plans.models.included_credits import CREDITS
from plans.pricing.included_credits import IncludedCreditRule


@dataclass(frozen=True, slots=True)
class IncludedCreditTerms:
    """One rule of a version. features: ids of the features that its credits pay for; empty for all."""

    id: int
    unit: str
    rule: IncludedCreditRule
    rollover_most: Decimal | None
    priority: int
    features: tuple[int, ...]


def versions_with_credits() -> list[int]:
    """Return the versions with included credits."""
    return list(IncludedCredits.objects.values_list("version_id", flat=True).distinct())


def read_included_credits(terms: Collection[tuple[int, str]]) -> dict[tuple[int, str], list[IncludedCreditTerms]]:
    """Return the rules of each (version, currency): credits, and money of that currency."""
    rules_by_terms: dict[tuple[int, str], list[IncludedCreditTerms]] = {key: [] for key in terms}
    rows = list(IncludedCredits.objects.filter(version__in={version_id for version_id, _ in terms}).order_by("pk"))
    codes = {code for row in rows for code in row.feature_codes}
    features = dict(Feature.objects.filter(code__in=codes).values_list("code", "pk")) if codes else {}
    for row in rows:
        included = IncludedCreditTerms(
            row.pk,
            row.unit,
            row.rule,
            row.rollover_most,
            row.priority,
            tuple(features[code] for code in row.feature_codes),
        )
        for (version_id, currency), rules in rules_by_terms.items():
            # Money of another currency is not granted: the subscription is billed in its own.
            if version_id == row.version_id and row.unit in (CREDITS, currency):
                rules.append(included)
    return rules_by_terms
