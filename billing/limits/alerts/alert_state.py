"""
Compare readings with the alerts there are: fire what is crossed and was not told, recover what is so no more.

docs/alerts.md tells when an alert fires, and why it does not flap.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec
from django.db import connection

from billing.limits.alerts.measurements import Reading
from billing.limits.alerts.notifications import Told, tell
from billing.limits.alerts.rule_selection import Subject
from billing.models import Alert
from lib import prepared_statements
from lib.decimals import plain
from lib.failpoints import reached

Watched = tuple[int, Subject, datetime | None]
"""Rule, subject, and the cycle where that has an end: where it has none, an alert stays open until it recovers."""


class Place(NamedTuple):
    """Where an alert is told once."""

    rule_id: int
    of: Subject
    since: datetime
    threshold: int
    agreed_limit: Decimal


@dataclass(slots=True)
class Compared:
    """What came of a look: alerts that fired, and that recovered."""

    fired: int = 0
    recovered: int = 0


def compare(
    readings: Iterable[Reading], *, customer_ids: Collection[int], kinds: Collection[str], at: datetime
) -> Compared:
    """
    Fire and recover alerts of these customers by what was read, inside the caller's transaction, which holds the lock
    of sweepers: a reading that is older than another one's alerts would recover them.

    kinds: that were looked at; alerts of other kinds stay as they are.
    """
    by_watched: dict[Watched, list[Reading]] = {}
    for one in readings:
        by_watched.setdefault((one.rule.pk, one.of, one.since if one.ends_at else None), []).append(one)
    still_open = _open(customer_ids, kinds, at)
    crossed: dict[Place, Reading] = {}
    for watched, some in by_watched.items():
        known = {(alert.threshold, alert.agreed_limit) for alert in still_open.get(watched, ())}
        for one in some:
            for level in one.crossed:
                if (level, one.agreed_limit) not in known:
                    crossed[Place(one.rule.pk, one.of, one.since, level, one.agreed_limit)] = one
    fired = _fire(crossed, at) if crossed else {}
    over = [
        (watched, alert)
        for watched, alerts in still_open.items()
        for alert in alerts
        if not _is_crossed(alert, by_watched.get(watched, ()))
    ]
    _recover([alert.pk for _, alert in over], at)
    reached("guard.after_alerts")
    tell(_fired(fired, crossed), _recovered(over, by_watched, crossed), at=at)
    return Compared(len(fired), len(over))


def _open(customer_ids: Collection[int], kinds: Collection[str], at: datetime) -> dict[Watched, list[Alert]]:
    found: dict[Watched, list[Alert]] = {}
    rows = Alert.objects.open(at).filter(customer__in=customer_ids, alert_rule__kind__in=kinds)
    for one in rows.order_by("pk"):
        of = Subject(
            one.customer_id,
            one.subscription_id,
            one.feature_id,
            one.wallet_id,
            one.dimension,
            one.dimension_value,
        )
        found.setdefault((one.alert_rule_id, of, one.since if one.ends_at else None), []).append(one)
    return found


def _is_crossed(alert: Alert, readings: Iterable[Reading]) -> bool:
    return any(alert.threshold in one.crossed and alert.agreed_limit == one.agreed_limit for one in readings)


_FIRE = """
INSERT INTO billing_alert (alert_rule_id, customer_id, subscription_id, feature_id, wallet_id, dimension,
    dimension_value, since, ends_at, threshold, value, "limit", agreed_limit, unit, fired_at)
SELECT g, c, s, f, w, d, v, b, e, t, x, l, a, u, %s
FROM jsonb_to_recordset(%s::jsonb) AS sent(g bigint, c bigint, s bigint, f bigint, w bigint, d text, v text,
    b timestamptz, e timestamptz, t int, x numeric, l numeric, a numeric, u text)
ON CONFLICT DO NOTHING
RETURNING id, alert_rule_id, customer_id, subscription_id, feature_id, wallet_id, dimension, dimension_value, since,
    threshold, agreed_limit
"""


def _fire(crossed: dict[Place, Reading], at: datetime) -> dict[Place, int]:
    """Write alerts, and return the numbers of those that were not told before in their cycle."""
    rows = [
        {
            "g": place.rule_id,
            "c": place.of.customer_id,
            "s": place.of.subscription_id,
            "f": place.of.feature_id,
            "w": place.of.wallet_id,
            "d": place.of.dimension,
            "v": place.of.dimension_value,
            "b": place.since,
            "e": one.ends_at,
            "t": place.threshold,
            "x": plain(one.value),
            "l": None if one.limit is None else plain(one.limit),
            "a": plain(place.agreed_limit),
            "u": one.unit,
        }
        for place, one in crossed.items()
    ]
    with prepared_statements.cursor() as cursor:
        cursor.execute(_FIRE, [at, msgspec.json.encode(rows).decode()])
        found = cursor.fetchall()
    return {Place(rule, Subject(*of), since, level, limit): id_ for id_, rule, *of, since, level, limit in found}


def _recover(ids: Sequence[int], at: datetime) -> None:
    if ids:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE billing_alert SET recovered_at = greatest(%s, fired_at) WHERE id = ANY(%s)", [at, list(ids)]
            )


def _fired(fired: dict[Place, int], crossed: dict[Place, Reading]) -> list[Told]:
    """Return one message for each rule and subject that anything new was crossed of: of its most urgent level."""
    found = []
    for place in fired:
        one = crossed[place]
        levels = tuple(level for level in one.crossed if place._replace(threshold=level) in fired)
        if place.threshold == levels[-1]:
            ids = tuple(fired[place._replace(threshold=level)] for level in levels)
            found.append(Told(ids, one, place.threshold, levels))
    return found


def _recovered(
    over: Iterable[tuple[Watched, Alert]], by_watched: dict[Watched, list[Reading]], crossed: dict[Place, Reading]
) -> list[Told]:
    """
    Return one message for each rule and subject that is below a level again, and above no higher one.

    Nothing is told where nothing was read: what a rule says no more, or a wallet that is closed.
    """
    anew = {(place.rule_id, place.of) for place in crossed}
    gathered: dict[Watched, list[Alert]] = {}
    for watched, alert in over:
        if watched[:2] not in anew and by_watched.get(watched):
            gathered.setdefault(watched, []).append(alert)
    found = []
    for watched, alerts in gathered.items():
        one = by_watched[watched][0]
        alerts.sort(key=lambda alert: alert.pk)  # as they fired, the most urgent last
        ids, levels = tuple(alert.pk for alert in alerts), tuple(alert.threshold for alert in alerts)
        found.append(Told(ids, one, levels[-1], levels))
    return found
