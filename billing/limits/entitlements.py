"""A customer's entitlements at a time: every feature, its value, and whether it may be used."""

from dataclasses import dataclass
from datetime import datetime

from billing.limits.cap_spend import read_cap_spend
from billing.limits.check import CheckAnswer, UnknownCustomer, answer_from_rows
from billing.limits.feature_unlocks import FeatureLocks
from billing.limits.feature_usage import FeatureQuery, FeatureUsageRow, is_paused, read_all_feature_usage
from billing.models import Subscription
from billing.subscriptions import generate_customer_periods
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME
from customers.models import Customer
from plans.models import Feature, PlanFeature

__all__ = ["Entitlement", "UnknownCustomer", "read_entitlements"]


@dataclass(frozen=True, slots=True)
class Entitlement:
    """
    A feature that a subscription covers.

    value: of a static feature.
    answer: the answer to a check for any usage at all.
    subscription: its external id.
    is_named: whether only usage that names it belongs to it.
    """

    feature: Feature
    subscription: str
    is_named: bool
    value: str
    answer: CheckAnswer


def read_entitlements(*, customer: str, sandbox: bool, at: datetime) -> list[Entitlement]:
    """
    Return a customer's entitlements at a time, in the order of features, in a fixed number of statements.

    :raises UnknownCustomer: if there is no such customer.
    """
    rows_by_feature = read_all_feature_usage(customer=customer, sandbox=sandbox, at=at)
    if any(rows[0].version_id is None for rows in rows_by_feature):
        # Periods are generated ahead of time. If the job hasn't run for hours, the answer must not depend on it.
        generate_customer_periods(customer_ids=[rows_by_feature[0][0].customer_id], until=at + PERIOD_LEAD_TIME)
        rows_by_feature = read_all_feature_usage(customer=customer, sandbox=sandbox, at=at)
    if not rows_by_feature:
        if not Customer.objects.filter(external_id=customer, sandbox=sandbox).exists():
            raise UnknownCustomer(customer)
        return []
    first_rows = [rows[0] for rows in rows_by_feature]
    features = Feature.objects.in_bulk([row.feature_id for row in first_rows])
    subscriptions = Subscription.objects.in_bulk([row.subscription_id for row in first_rows])
    plan_features = PlanFeature.objects.in_bulk([row.plan_feature_id for row in first_rows if row.plan_feature_id])
    cap_spends = (
        read_cap_spend(customer=customer, sandbox=sandbox, at=at) if any(row.is_capped for row in first_rows) else []
    )
    ids_without_period = {row.subscription_id for row in first_rows if row.version_id is None}
    # Few subscriptions lack a period, so few need this query.
    paused_ids = {id_ for id_ in ids_without_period if id_ is not None and is_paused(id_, at)}
    locks = FeatureLocks(FeatureQuery(customer, "", sandbox, at))

    def build_entitlement(rows: list[FeatureUsageRow]) -> Entitlement:
        first = rows[0]
        feature, subscription = features[first.feature_id], subscriptions[first.subscription_id]
        query = FeatureQuery(
            customer, feature.code, sandbox, at, subscription.external_id if subscription.named else ""
        )
        value = plan_features[first.plan_feature_id].static_value if first.plan_feature_id else ""
        answer = answer_from_rows(
            rows, query, cap_spends=cap_spends, paused=first.subscription_id in paused_ids, feature_locks=locks
        )
        return Entitlement(feature, subscription.external_id, subscription.named, value, answer)

    return [build_entitlement(rows) for rows in rows_by_feature]
