"""The effective terms of a period: its version's, with the overrides and commitments of its subscription."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

import msgspec

from billing.metering.rating_inputs.plan_change_carryover import remaining_share
from billing.metering.rating_inputs.rating_period import RatingPeriod
from plans.catalog.overrides import (
    TermOverride,
    apply_overrides,
    prorate_stub_terms,
    prorate_terms,
    split_terms,
    trial_terms,
)
from plans.catalog.stored_terms import VersionTerms, load_terms

OVERRIDES = """
coalesce((
    SELECT json_agg(o.terms ORDER BY o.id, o.terms::text) FROM (
        SELECT id, json_build_array(feature_id, figure, value::text, match, starts_at, ends_at) AS terms
        FROM billing_override WHERE subscription_id = s.id
        UNION ALL
        SELECT id, json_build_array(0, 'commitment', coalesce(minimum, 0)::text, json_build_object(
            'periods', periods::text, 'overage_factor', overage_factor::text, 'discount', discount::text,
            'trues_up', trues_up::int::text, 'feature', feature, 'units', coalesce(units::text, ''),
            'per_window', per_window::int::text, 'since', starts_at::text), starts_at, ends_at)
        FROM billing_subscriptioncommitment WHERE subscription_id = s.id
    ) o
)::text, '')
"""
"""
SQL for all overrides and commitments of a subscription `s`, as text, used in the statement that reads the period.
"""


class DatedOverride(msgspec.Struct, frozen=True, array_like=True):
    """An override with its interval."""

    feature_id: int
    kind: str
    value: Decimal
    match: dict[str, str]
    starts_at: datetime
    ends_at: datetime | None


_read = lru_cache(maxsize=10_000)(msgspec.json.Decoder(tuple[DatedOverride, ...]).decode)


def terms_for(period: RatingPeriod) -> VersionTerms:
    """
    Return the terms that a period is rated by. If a plan change began it, allowances are prorated to the remaining
    share, and in another period that begins within its interval those that should be; in a trial, terms that are not
    due are left out. A split price has a rate for each of the period's values.

    :raises ValueError: if an override can't be charged by; the text gives the reason.

    Source: docs/pricing.md#overrides.
    """
    terms = load_terms(period.version_id, period.currency)
    if period.overrides:
        terms = apply_overrides(terms, frozenset(_in_force(period)))
    if period.continued:
        terms = prorate_terms(terms, remaining_share(terms, period))
    elif terms.prorates_stubs and not period.is_trial:
        terms = prorate_stub_terms(terms, remaining_share(terms, period))
    if period.is_trial:
        terms = trial_terms(terms)
    if period.split_values:
        terms = split_terms(terms, period.split_values)
    return terms


def _in_force(period: RatingPeriod) -> Iterator[TermOverride]:
    for override in _read(period.overrides):
        if override.starts_at <= period.starts_at and (
            override.ends_at is None or period.starts_at < override.ends_at
        ):
            yield TermOverride(
                override.feature_id, override.kind, override.value, tuple(sorted(override.match.items()))
            )
