"""Features that unlock once a threshold is reached: docs/limits.md#features-that-unlock."""

from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from billing.limits.feature_usage import FeatureQuery, FeatureUsageRow
from billing.metering.usage.current_usage import PeriodUsage, current_usage
from lib import sql
from lib.decimals import EXACT, ZERO
from plans.models.prices import UnlockedBy


class FeatureLock(NamedTuple):
    """
    The reason why a feature is locked.

    by, feature, threshold: the version's rule.
    progress: the value reached so far.
    """

    by: str
    feature: str
    threshold: Decimal
    progress: Decimal
    currency: str


_USED_EVER = """
SELECT coalesce(sum(c.quantity), 0) FROM billing_period p JOIN billing_counter c ON c.period_id = p.id
JOIN plans_planfeature pf ON pf.id = c.plan_feature_id JOIN plans_feature f ON f.id = pf.feature_id
WHERE p.subscription_id = %s AND f.code = %s
"""
_SPENT_BEFORE = """
SELECT coalesce(sum(CASE b.corrects_line_id WHEN 0 THEN l.amount ELSE -l.amount END), 0)
FROM billing_period p JOIN billing_billedusage b ON b.period_id = p.id JOIN invoices_line l ON l.id = b.line_id
WHERE p.subscription_id = %s AND p.id <> %s
"""


@dataclass
class FeatureLocks:
    """The unlock rules of a customer's features; their progress is read once, and only when needed."""

    query: FeatureQuery
    _known: dict[tuple[object, ...], Decimal] = field(default_factory=dict)

    def find(self, row: FeatureUsageRow) -> FeatureLock | None:
        """Return the lock of the feature of a row, or None if it is unlocked."""
        if not row.unlocked_by or row.subscription_id is None:
            return None
        progress = self._find_progress(row)
        if progress >= row.unlocked_at:
            return None
        return FeatureLock(row.unlocked_by, row.unlocked_with, row.unlocked_at, progress, row.currency)

    def _find_progress(self, row: FeatureUsageRow) -> Decimal:
        key = row.period_id, row.unlocked_by, row.unlocked_with
        if key not in self._known:
            self._known[key] = self._read_progress(row)
        return self._known[key]

    def _read_progress(self, row: FeatureUsageRow) -> Decimal:
        if row.unlocked_by == UnlockedBy.USAGE_EVER:
            return _fetch_decimal(_USED_EVER, row.subscription_id, row.unlocked_with)
        running_period = next((period for period in self._usage if period.period_id == row.period_id), None)
        if running_period is None:
            return ZERO
        if row.unlocked_by == UnlockedBy.USAGE:
            return next(
                (feature.used for feature in running_period.features if feature.terms.code == row.unlocked_with), ZERO
            )
        if row.unlocked_by == UnlockedBy.SPEND:
            return running_period.cost
        # Billed lines of all other periods, plus the running one's cost so far.
        return EXACT.add(running_period.cost, _fetch_decimal(_SPENT_BEFORE, row.subscription_id, row.period_id))

    @cached_property
    def _usage(self) -> list[PeriodUsage]:
        return current_usage(customer=self.query.customer, sandbox=self.query.sandbox, at=self.query.at)


def _fetch_decimal(statement: str, *parameters: int | str | None) -> Decimal:
    (amount,) = sql.fetch_column(statement, parameters)
    return Decimal(amount)
