"""Descriptions of a version's usage and fee lines, cached per process as long as its terms are."""

from dataclasses import dataclass, replace

from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.rating_period import RatingPeriod
from plans.catalog.stored_terms import FeatureTerms, FeeTerms, VersionTerms, load_terms
from plans.models import Rate
from plans.models.prices import BillingTiming


@dataclass(frozen=True, slots=True)
class LineTemplates:
    """
    The terms of a period, sorted by when they are billed.

    due_without_usage: features with a rate that is due without usage.
    descriptions: rate id → description of its line.
    advance, arrears: flat fees by when they are billed.
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
    Return the line templates of a period: those of its version, with the customer's overrides.

    :raises ValueError: if one of its rates cannot charge, with the reason in words.
    """
    published, terms = load_terms(span.version_id, span.currency), terms_for(span)
    templates = _templates_by_version.get((span.version_id, span.currency))
    # Terms are cached per process, too: a different object means that they were loaded again.
    if templates is None or templates.terms is not published:
        templates = _templates_by_version[span.version_id, span.currency] = _build_templates(published)
    if terms is published:
        return templates
    return replace(
        templates,
        terms=terms,
        features=dict(terms.by_plan_feature),
        due_without_usage=_features_due_without_usage(terms),
    )


def clear_templates_cache() -> None:
    """Clear the cached templates, for a process that switches to another database."""
    _templates_by_version.clear()


def _build_templates(terms: VersionTerms) -> LineTemplates:
    fixed = [fee for fee in terms.fees if not fee.is_per_unit]
    return LineTemplates(
        terms=terms,
        features=dict(terms.by_plan_feature),
        due_without_usage=_features_due_without_usage(terms),
        descriptions=_descriptions(terms),
        advance=tuple(fee for fee in fixed if fee.billed == BillingTiming.ADVANCE),
        arrears=tuple(fee for fee in fixed if fee.billed == BillingTiming.ARREARS),
    )


def _features_due_without_usage(terms: VersionTerms) -> tuple[FeatureTerms, ...]:
    return tuple(feature for feature in terms.features if _is_due_without_usage(feature))


def _is_due_without_usage(feature: FeatureTerms) -> bool:
    price = feature.price
    return price is not None and (
        price.minimum is not None or any(rate.charge.due_without_usage for rate in price.rates)
    )


def _descriptions(terms: VersionTerms) -> dict[int, str]:
    """Return rate id → description: the rate's label, or the feature's name with its dimension values."""
    names = {feature.plan_feature_id: feature.name for feature in terms.features}
    rates = Rate.objects.filter(price__plan_feature__in=names, price__currency=terms.currency)
    descriptions = {}
    for rate in rates.values("id", "label", "match", "price__plan_feature"):
        dimensions = ", ".join(f"{name} {value}" for name, value in rate["match"].items())
        name = names[rate["price__plan_feature"]]
        descriptions[rate["id"]] = rate["label"] or (f"{name}: {dimensions}" if dimensions else name)
    return descriptions
