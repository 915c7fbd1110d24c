"""How a version's usage and fees read on a document; kept per process for as long as its terms are."""

from dataclasses import dataclass, replace

from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.period_counters import RatingPeriod
from plans.catalog.stored_terms import FeatureTerms, FeeTerms, VersionTerms, load_terms
from plans.models import Rate
from plans.models.prices import Billed


@dataclass(frozen=True, slots=True)
class LineTemplates:
    """
    The terms of a period, sorted by when they are billed.

    descriptions: rate id → how its line reads.
    standing: features with a rate that is due without usage.
    advance, arrears: the fees that are due as they stand.
    """

    terms: VersionTerms
    features: dict[int, FeatureTerms]
    due_without_usage: tuple[FeatureTerms, ...]
    descriptions: dict[int, str]
    advance: tuple[FeeTerms, ...]
    arrears: tuple[FeeTerms, ...]


_templates_by_version: dict[tuple[int, str], LineTemplates] = {}


def line_templates(span: RatingPeriod) -> LineTemplates:
    """
    Return the recipe of a period: its version's, with what was agreed with its customer.

    :raises ValueError: if one of its rates cannot charge, with the reason in words.
    """
    published, terms = load_terms(span.version_id, span.currency), terms_for(span)
    found = _templates_by_version.get((span.version_id, span.currency))
    if found is None or found.terms is not published:
        found = _templates_by_version[span.version_id, span.currency] = _build_templates(published)
    if terms is published:
        return found
    return replace(
        found, terms=terms, features=dict(terms.by_plan_feature), due_without_usage=_features_due_without_usage(terms)
    )


def clear_templates_cache() -> None:
    """Drop the cached templates: for a process that moves on to another database."""
    _templates_by_version.clear()


def _build_templates(terms: VersionTerms) -> LineTemplates:
    fixed = [fee for fee in terms.fees if not fee.is_per_unit]
    return LineTemplates(
        terms=terms,
        features=dict(terms.by_plan_feature),
        due_without_usage=_features_due_without_usage(terms),
        descriptions=_descriptions(terms),
        advance=tuple(fee for fee in fixed if fee.billed == Billed.ADVANCE),
        arrears=tuple(fee for fee in fixed if fee.billed == Billed.ARREARS),
    )


def _features_due_without_usage(terms: VersionTerms) -> tuple[FeatureTerms, ...]:
    return tuple(one for one in terms.features if _is_due_without_usage(one))


def _is_due_without_usage(feature: FeatureTerms) -> bool:
    price = feature.price
    return price is not None and (
        price.minimum is not None or any(rate.charge.due_without_usage for rate in price.rates)
    )


def _descriptions(terms: VersionTerms) -> dict[int, str]:
    """Return how each rate's line reads: its own label, or the feature's name with the dimensions it is for."""
    names = {one.plan_feature_id: one.name for one in terms.features}
    rates = Rate.objects.filter(price__plan_feature__in=names, price__currency=terms.currency)
    found = {}
    for rate in rates.values("id", "label", "match", "price__plan_feature"):
        dimensions = ", ".join(f"{name} {value}" for name, value in rate["match"].items())
        name = names[rate["price__plan_feature"]]
        found[rate["id"]] = rate["label"] or (f"{name}: {dimensions}" if dimensions else name)
    return found
