"""
A part of the plan check: an overage without alerts.

`plans` knows no alert rules, so the page of a version adds this part. Source: docs/publishing.md#plan-check.
"""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from billing.models import AlertRule
from billing.models.alerts import FEATURE_KINDS, AlertKind
from plans.models import PlanFeature, PlanVersion
from plans.models.prices import Consumption

WATCHED_AGGREGATIONS = ("count", "sum")
"""Aggregations whose usage the rule for unusual usage watches."""

_GeneralRules = Mapping[tuple[str, int | None], bool]
"""(kind, feature or None for all) → whether the rule for everyone is on."""


def check_overage_alerts(version: PlanVersion) -> list[str]:
    """Return a sentence for each overage of a version that no alert rule for everyone covers."""
    overages = version.features.filter(consumption=Consumption.OVERAGE, feature__meter__isnull=False)
    plan_features = list(overages.select_related("feature__meter").order_by("position", "pk"))
    if not plan_features:
        return []
    rules = AlertRule.objects.filter(seller__isnull=True, customer__isnull=True, removed_at__isnull=True)
    is_on = {(rule.kind, rule.feature_id): rule.is_on for rule in rules}
    text = _(
        "%(feature)s: no alert rule covers its overage, so the bill may surprise the customer. Switch on the alert"
        " rules for everyone, or add one for this feature."
    )
    return [
        text % {"feature": plan_feature} for plan_feature in plan_features if not _is_covered(plan_feature, is_on)
    ]


def _is_covered(plan_feature: PlanFeature, is_on: _GeneralRules) -> bool:
    if _applies(AlertKind.LAST_PERIOD, plan_feature, is_on):
        return True
    if plan_feature.included:
        return _applies(AlertKind.ALLOWANCE, plan_feature, is_on)
    meter = plan_feature.feature.meter
    is_watched = meter is not None and meter.aggregation in WATCHED_AGGREGATIONS
    return is_watched and _applies(AlertKind.ANOMALY, plan_feature, is_on)


def _applies(kind: AlertKind, plan_feature: PlanFeature, is_on: _GeneralRules) -> bool:
    of_all, of_feature = is_on.get((kind, None), False), is_on.get((kind, plan_feature.feature_id))
    if kind in FEATURE_KINDS:
        return of_all if of_feature is None else of_feature
    # A spend rule for one feature applies in addition to the one for all of them.
    return of_all or bool(of_feature)
