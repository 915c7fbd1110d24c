"""
Carryover into a period that starts with a plan change: docs/closing.md#plan-changes.

The allowance is prorated to the remaining share of the whole interval; tiers continue where the earlier part ended,
as far as that part is billed.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from billing.metering.rating_inputs.rating_period import RatingPeriod
from billing.subscriptions.periods.boundaries import period_anchor, whole_interval
from plans.catalog.stored_terms import FeatureTerms, VersionTerms
from plans.pricing.price_splits import KEYS_PER_VALUE, SplitText
from plans.pricing.proration import share_of_interval
from plans.pricing.rating import NO_PRIOR_UNITS

# A line of a split price continues at the rate of the same value, which has a number of its own in each period.
CONTINUED = f"""
CASE WHEN p.continues_id IS NULL THEN ''
WHEN EXISTS (SELECT FROM billing_period q WHERE q.id = p.continues_id AND q.state = 'open') THEN 'open'
ELSE coalesce((
    SELECT json_agg(json_build_array(b.high_water_mark, pf.feature_id, CASE WHEN v.position IS NULL THEN r.match
        ELSE r.match || jsonb_build_object(pr.split_by, v.value) END, (
        coalesce(l.explanation->>'climbed', '0')::numeric + (l.explanation->>'billable')::numeric)::text)
        ORDER BY b.high_water_mark)
    FROM billing_billedusage b JOIN invoices_line l ON l.id = b.line_id
    JOIN plans_planfeature pf ON pf.id = b.plan_feature_id
    JOIN plans_rate r ON r.id = mod(b.rate_id, {KEYS_PER_VALUE})
    JOIN plans_price pr ON pr.id = r.price_id AND pr.resets_unit = ''
    LEFT JOIN billing_splitvalue v ON (v.period_id, v.plan_feature_id) = (b.period_id, b.plan_feature_id)
        AND v.position = b.rate_id / {KEYS_PER_VALUE}
    WHERE b.period_id = p.continues_id
)::text, '[]') END
"""  # noqa: S608
"""SQL for the usage that invoice lines of the period before `p` have billed, as text; empty if `p` continues none."""

NOT_BILLED_YET = "open"

CONTINUES = f"CASE WHEN p.continues_id IS NULL THEN '' ELSE '{NOT_BILLED_YET}' END"
"""The same for queries of quantities only, which don't depend on earlier invoices."""


class PriorUnits(msgspec.Struct, frozen=True, array_like=True):
    """The tier position that usage at one rate had reached when a line billed it."""

    mark: int
    feature_id: int
    match: dict[str, SplitText]
    units: Decimal


_read = lru_cache(maxsize=10_000)(msgspec.json.Decoder(tuple[PriorUnits, ...]).decode)


def read_prior_units(
    continued: str, feature: FeatureTerms, *, up_to: int | None = None
) -> Mapping[int | str, Decimal]:
    """
    Return rate key → units already in its tiers: those that the rate of the same match billed before.

    continued: text selected by `CONTINUED`.
    up_to: limits them to lines billed up to this high-water mark.

    Source: docs/pricing.md#tiers-after-a-plan-change.
    """
    if continued in ("", NOT_BILLED_YET) or feature.price is None or feature.resets is not None:
        return NO_PRIOR_UNITS
    units = {
        tuple(sorted(prior.match.items())): prior.units
        for prior in _read(continued)
        if prior.feature_id == feature.feature_id and (up_to is None or prior.mark <= up_to)
    }
    return {
        rate.key: units[match]
        for rate in feature.price.rates
        if (match := tuple(sorted(rate.full_match.items()))) in units
    }


def remaining_share(terms: VersionTerms, period: RatingPeriod) -> Fraction:
    """Return the share of its whole interval that remained when a period started, by its version's proration rule."""
    anchor = period_anchor(terms, anchor_at=period.anchor_at, time_zone=period.time_zone)
    start, end = whole_interval(anchor, period.starts_at)
    return share_of_interval(
        period.starts_at,
        end,
        full_start=start,
        full_end=end,
        by=terms.proration,
        zone=ZoneInfo(period.time_zone),
    )
