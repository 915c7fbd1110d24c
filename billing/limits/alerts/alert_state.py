"""
Compare measurements with the stored alerts: fire alerts for newly crossed levels, recover those no longer crossed.

docs/alerts.md defines when an alert fires, and why it does not flap.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from billing.limits.alerts.measurements import Measurement
from billing.limits.alerts.notifications import AlertChange, notify
from billing.limits.alerts.rule_selection import AlertTarget
from billing.models import Alert
from lib import prepared_statements, sql
from lib.decimals import to_plain_string
from lib.failpoints import hit_failpoint

AlertCycle = tuple[int, AlertTarget, datetime | None]
"""
Rule, target and the start of the cycle. The start is None for a cycle without an end: its alert stays open until it
recovers.
"""


class AlertKey(NamedTuple):
    """Identity of an alert: an alert fires once for each key."""

    rule_id: int
    target: AlertTarget
    period_start: datetime
    threshold: int
    agreed_limit: Decimal


@dataclass(slots=True)
class AlertCounts:
    """Numbers of alerts that fired and that recovered."""

    fired: int = 0
    recovered: int = 0


def update_alerts(
    measurements: Iterable[Measurement], *, customer_ids: Collection[int], kinds: Collection[str], at: datetime
) -> AlertCounts:
    """
    Fire and recover the alerts of these customers according to the measurements.

    The caller's transaction holds the evaluation queue's lock on the customers: otherwise an older measurement could
    recover an alert that a newer one has fired.

    kinds: the kinds that were measured; alerts of other kinds stay unchanged.
    """
    measurements_by_cycle: dict[AlertCycle, list[Measurement]] = {}
    for measurement in measurements:
        measurements_by_cycle.setdefault(
            (
                measurement.alert_rule.pk,
                measurement.target,
                measurement.period_start if measurement.period_end else None,
            ),
            [],
        ).append(measurement)
    open_alerts = _read_open_alerts(customer_ids, kinds, at)
    new_crossings: dict[AlertKey, Measurement] = {}
    for cycle, measurements_of_cycle in measurements_by_cycle.items():
        # Open alerts have fired already; a new limit makes the level fire again.
        recorded_levels = {(alert.threshold, alert.agreed_limit) for alert in open_alerts.get(cycle, ())}
        for measurement in measurements_of_cycle:
            for level in measurement.crossed_levels:
                if (level, measurement.agreed_limit) not in recorded_levels:
                    new_crossings[
                        AlertKey(
                            measurement.alert_rule.pk,
                            measurement.target,
                            measurement.period_start,
                            level,
                            measurement.agreed_limit,
                        )
                    ] = measurement
    ids_by_alert_key = _insert_alerts(new_crossings, at) if new_crossings else {}
    recovered = [
        (cycle, alert)
        for cycle, alerts in open_alerts.items()
        for alert in alerts
        if not _is_crossed(alert, measurements_by_cycle.get(cycle, ()))
    ]
    _mark_recovered([alert.pk for _, alert in recovered], at)
    hit_failpoint("guard.after_alerts")
    notify(
        fired=_fired_changes(ids_by_alert_key, new_crossings),
        recovered=_recovered_changes(recovered, measurements_by_cycle, new_crossings),
        at=at,
    )
    return AlertCounts(len(ids_by_alert_key), len(recovered))


def _read_open_alerts(
    customer_ids: Collection[int], kinds: Collection[str], at: datetime
) -> dict[AlertCycle, list[Alert]]:
    alerts_by_cycle: dict[AlertCycle, list[Alert]] = {}
    rows = Alert.objects.open(at).filter(customer__in=customer_ids, alert_rule__kind__in=kinds)
    for alert in rows.order_by("pk"):
        target = AlertTarget(
            alert.customer_id,
            alert.subscription_id,
            alert.feature_id,
            alert.wallet_id,
            alert.dimension,
            alert.dimension_value,
        )
        alerts_by_cycle.setdefault((alert.alert_rule_id, target, alert.since if alert.ends_at else None), []).append(
            alert
        )
    return alerts_by_cycle


def _is_crossed(alert: Alert, measurements: Iterable[Measurement]) -> bool:
    return any(
        alert.threshold in measurement.crossed_levels and alert.agreed_limit == measurement.agreed_limit
        for measurement in measurements
    )


# One statement for all alerts of a chunk. A unique constraint keeps each alert single in its cycle, so a level that
# has fired already inserts nothing and returns no row.
_INSERT_ALERTS = """
INSERT INTO billing_alert (alert_rule_id, customer_id, subscription_id, feature_id, wallet_id, dimension,
    dimension_value, since, ends_at, threshold, value, "limit", agreed_limit, unit, fired_at)
SELECT g, c, s, f, w, d, v, b, e, t, x, l, a, u, %s
FROM jsonb_to_recordset(%s::jsonb) AS sent(g bigint, c bigint, s bigint, f bigint, w bigint, d text, v text,
    b timestamptz, e timestamptz, t int, x numeric, l numeric, a numeric, u text)
ON CONFLICT DO NOTHING
RETURNING id, alert_rule_id, customer_id, subscription_id, feature_id, wallet_id, dimension, dimension_value, since,
    threshold, agreed_limit
"""


def _insert_alerts(crossings: dict[AlertKey, Measurement], at: datetime) -> dict[AlertKey, int]:
    """Insert alerts, and return the ids of those that had not fired before in their cycle."""
    rows = [
        {
            "g": key.rule_id,
            "c": key.target.customer_id,
            "s": key.target.subscription_id,
            "f": key.target.feature_id,
            "w": key.target.wallet_id,
            "d": key.target.dimension,
            "v": key.target.dimension_value,
            "b": key.period_start,
            "e": measurement.period_end,
            "t": key.threshold,
            "x": to_plain_string(measurement.value),
            "l": None if measurement.limit is None else to_plain_string(measurement.limit),
            "a": to_plain_string(key.agreed_limit),
            "u": measurement.unit,
        }
        for key, measurement in crossings.items()
    ]
    with prepared_statements.cursor() as cursor:
        cursor.execute(_INSERT_ALERTS, [at, msgspec.json.encode(rows).decode()])
        inserted_rows = cursor.fetchall()
    return {
        AlertKey(rule_id, AlertTarget(*target_columns), period_start, threshold, agreed_limit): alert_id
        for alert_id, rule_id, *target_columns, period_start, threshold, agreed_limit in inserted_rows
    }


def _mark_recovered(alert_ids: Sequence[int], at: datetime) -> None:
    if alert_ids:
        # `greatest`: the clock of the worker that fired the alert may be ahead of this one's.
        sql.execute(
            "UPDATE billing_alert SET recovered_at = greatest(%s, fired_at) WHERE id = ANY(%s)", [at, list(alert_ids)]
        )


def _fired_changes(
    ids_by_alert_key: dict[AlertKey, int], crossings: dict[AlertKey, Measurement]
) -> list[AlertChange]:
    """Return one change for each rule and target that has a new alert; it reports the most urgent level."""
    changes = []
    for key in ids_by_alert_key:
        measurement = crossings[key]
        fired_levels = tuple(
            level for level in measurement.crossed_levels if key._replace(threshold=level) in ids_by_alert_key
        )
        if key.threshold == fired_levels[-1]:
            alert_ids = tuple(ids_by_alert_key[key._replace(threshold=level)] for level in fired_levels)
            changes.append(AlertChange(alert_ids, measurement, key.threshold, fired_levels))
    return changes


def _recovered_changes(
    recovered: Iterable[tuple[AlertCycle, Alert]],
    measurements_by_cycle: dict[AlertCycle, list[Measurement]],
    crossings: dict[AlertKey, Measurement],
) -> list[AlertChange]:
    """
    Return one change for each rule and target that fell back below a level and crossed no higher one.

    A target without a measurement gets no message: its rule was removed, or its wallet was closed.
    """
    newly_crossed = {(key.rule_id, key.target) for key in crossings}
    alerts_by_cycle: dict[AlertCycle, list[Alert]] = {}
    for cycle, alert in recovered:
        # One message per target: the higher level that fired says it all.
        if cycle[:2] not in newly_crossed and measurements_by_cycle.get(cycle):
            alerts_by_cycle.setdefault(cycle, []).append(alert)
    changes = []
    for cycle, alerts in alerts_by_cycle.items():
        measurement = measurements_by_cycle[cycle][0]
        alerts.sort(key=lambda alert: alert.pk)  # in the order they fired, so the most urgent is last
        alert_ids, thresholds = tuple(alert.pk for alert in alerts), tuple(alert.threshold for alert in alerts)
        changes.append(AlertChange(alert_ids, measurement, thresholds[-1], thresholds))
    return changes
