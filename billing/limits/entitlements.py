"""All that a customer is entitled to at a moment: every feature, what it grants, and whether it is open."""

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
    A feature that a subscription covers. value: of a static one. answer: what a check for any use at all answers.

    subscription: its name. named: whether only use that names it is its.
    """

    feature: Feature
    subscription: str
    is_named: bool
    value: str
    answer: CheckAnswer


def read_entitlements(*, customer: str, sandbox: bool, at: datetime) -> list[Entitlement]:
    """
    Return what a customer is entitled to at a moment, in the order of features: in a fixed number of statements.

    :raises UnknownCustomer: if there is none.
    """
    found = read_all_feature_usage(customer=customer, sandbox=sandbox, at=at)
    if any(rows[0].version_id is None for rows in found):
        # Periods are made ahead of time; where nobody has done so for hours, the answer must not depend on it.
        generate_customer_periods(customer_ids=[found[0][0].customer_id], until=at + PERIOD_LEAD_TIME)
        found = read_all_feature_usage(customer=customer, sandbox=sandbox, at=at)
    if not found:
        if not Customer.objects.filter(external_id=customer, sandbox=sandbox).exists():
            raise UnknownCustomer(customer)
        return []
    firsts = [rows[0] for rows in found]
    features = Feature.objects.in_bulk([row.feature_id for row in firsts])
    subscriptions = Subscription.objects.in_bulk([row.subscription_id for row in firsts])
    granted = PlanFeature.objects.in_bulk([row.plan_feature_id for row in firsts if row.plan_feature_id])
    spent = read_cap_spend(customer=customer, sandbox=sandbox, at=at) if any(row.is_capped for row in firsts) else []
    without = {row.subscription_id for row in firsts if row.version_id is None}
    paused = {id_ for id_ in without if is_paused(id_, at)}
    locks = FeatureLocks(FeatureQuery(customer, "", sandbox, at))

    def entitled(rows: list[FeatureUsageRow]) -> Entitlement:
        first = rows[0]
        feature, subscription = features[first.feature_id], subscriptions[first.subscription_id]
        asked = FeatureQuery(
            customer, feature.code, sandbox, at, subscription.external_id if subscription.named else ""
        )
        value = granted[first.plan_feature_id].static_value if first.plan_feature_id else ""
        answer = answer_from_rows(
            rows, asked, cap_spends=spent, paused=first.subscription_id in paused, feature_locks=locks
        )
        return Entitlement(feature, subscription.external_id, subscription.named, value, answer)

    return [entitled(rows) for rows in found]
