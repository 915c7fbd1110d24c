"""Coverage of many subscriptions from the times on at which they change to a version, in one statement each."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lib import sql
from plans.models import PlanVersion

_GAINED = """
FROM unnest(%(ids)s::bigint[], %(moments)s::timestamptz[]) AS m(id, moment)
JOIN billing_subscription s ON s.id = m.id
JOIN plans_planfeature pf ON pf.version_id = %(version)s AND NOT EXISTS (
    SELECT FROM plans_planfeature had WHERE had.version_id = s.version_id AND had.feature_id = pf.feature_id)
"""

# Uses the exclusion index of coverage, with the same condition as its constraint.
_CONFLICTS = f"""
SELECT m.id, f.name, o.external_id {_GAINED}
JOIN billing_coverage c ON c.customer_id = s.customer_id AND c.feature_id = pf.feature_id AND NOT c.named
    AND c.subscription_id <> s.id AND c.during && tstzrange(m.moment, s.ends_at)
JOIN billing_subscription o ON o.id = c.subscription_id JOIN plans_feature f ON f.id = pf.feature_id
WHERE NOT s.named
"""

_COVER = f"""
INSERT INTO billing_coverage (customer_id, feature_id, subscription_id, named, during)
SELECT s.customer_id, pf.feature_id, s.id, s.named, tstzrange(m.moment, s.ends_at) {_GAINED} ORDER BY s.id
"""

_UNCOVER = """
UPDATE billing_coverage c SET during = tstzrange(lower(c.during), m.moment)
FROM unnest(%(ids)s::bigint[], %(moments)s::timestamptz[]) AS m(id, moment)
WHERE c.subscription_id = m.id AND c.during @> m.moment AND NOT EXISTS (
    SELECT FROM plans_planfeature pf WHERE pf.version_id = %(version)s AND pf.feature_id = c.feature_id)
"""

ChangeTimes = Mapping[int, datetime]
"""Subscription → time of its change."""


def find_coverage_conflicts(moments: ChangeTimes, version: PlanVersion) -> dict[int, str]:
    """
    Return subscription → reason, for those that would gain a feature that another subscription of the customer
    prices.
    """
    return {
        id_: f"{feature} is included in the subscription {other} from then on. End that one first."
        for id_, feature, other in sql.fetch_rows(_CONFLICTS, _parameters(moments, version))
    }


def move_coverage(moments: ChangeTimes, version: PlanVersion) -> None:
    """
    Cover the features of the version from these times on, and end the others; the subscriptions are not on it yet.

    :raises IntegrityError: if another subscription of a customer covers one of the features in the meantime.
    """
    for statement in (_UNCOVER, _COVER):
        sql.execute(statement, _parameters(moments, version))


def _parameters(moments: ChangeTimes, version: PlanVersion) -> dict[str, Any]:
    return {"ids": list(moments), "moments": list(moments.values()), "version": version.pk}
