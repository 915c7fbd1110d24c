"""Features that open once something has reached a threshold: docs/limits.md#features-that-open."""

from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from django.db import connection

from billing.limits.feature_usage import FeatureQuery, FeatureUsageRow
from billing.metering.usage.current_usage import PeriodUsage, current_usage
from lib.decimals import EXACT, ZERO
from plans.models.prices import UnlockedBy


class FeatureLock(NamedTuple):
    """What keeps a feature closed. by, feature, at: as its version says; reached: how far that is."""

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
    """What opens the features of a customer, read once and only where it is asked for."""

    query: FeatureQuery
    _known: dict[tuple[object, ...], Decimal] = field(default_factory=dict)

    def find(self, row: FeatureUsageRow) -> FeatureLock | None:
        """Return what keeps the feature of a row closed, if anything does."""
        if not row.unlocked_by or row.subscription_id is None:
            return None
        reached = self._reached(row)
        if reached >= row.unlocked_at:
            return None
        return FeatureLock(row.unlocked_by, row.unlocked_with, row.unlocked_at, reached, row.currency)

    def _reached(self, row: FeatureUsageRow) -> Decimal:
        key = row.period_id, row.unlocked_by, row.unlocked_with
        if key not in self._known:
            self._known[key] = self._read(row)
        return self._known[key]

    def _read(self, row: FeatureUsageRow) -> Decimal:
        if row.unlocked_by == UnlockedBy.USAGE_EVER:
            return _fetch_decimal(_USED_EVER, row.subscription_id, row.unlocked_with)
        running = next((one for one in self._usage if one.period_id == row.period_id), None)
        if running is None:
            return ZERO
        if row.unlocked_by == UnlockedBy.USAGE:
            return next((one.used for one in running.features if one.terms.code == row.unlocked_with), ZERO)
        if row.unlocked_by == UnlockedBy.SPEND:
            return running.cost
        return EXACT.add(running.cost, _fetch_decimal(_SPENT_BEFORE, row.subscription_id, row.period_id))

    @cached_property
    def _usage(self) -> list[PeriodUsage]:
        return current_usage(customer=self.query.customer, sandbox=self.query.sandbox, at=self.query.at)


def _fetch_decimal(statement: str, *parameters: object) -> Decimal:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(parameters))
        return Decimal(cursor.fetchone()[0])
