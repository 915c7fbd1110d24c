"""All that a customer is entitled to at a moment: every feature, what it grants, and whether it is open."""

from dataclasses import dataclass
from datetime import datetime

from billing.limits.cap_spend import spent_of
from billing.limits.check import Answer, UnknownCustomer, answer_of
from billing.limits.feature_unlocks import Locks
from billing.limits.feature_usage import Asked, Row, paused_at, read_all
from billing.models import Subscription
from billing.subscriptions import extend_customers
from billing.subscriptions.periods.generation import AHEAD
from customers.models import Customer
from plans.models import Feature, PlanFeature

__all__ = ["Entitlement", "UnknownCustomer", "entitlements"]


@dataclass(frozen=True, slots=True)
class Entitlement:
    """
    A feature that a subscription covers. value: of a static one. answer: what a check for any use at all answers.

    subscription: its name. named: whether only use that names it is its.
    """

    feature: Feature
    subscription: str
    named: bool
    value: str
    answer: Answer


def entitlements(*, customer: str, sandbox: bool, at: datetime) -> list[Entitlement]:
    """
    Return what a customer is entitled to at a moment, in the order of features: in a fixed number of statements.

    :raises UnknownCustomer: if there is none.
    """
    found = read_all(customer=customer, sandbox=sandbox, at=at)
    if any(rows[0].version_id is None for rows in found):
        # Periods are made ahead of time; where nobody has done so for hours, the answer must not depend on it.
        extend_customers(customer_ids=[found[0][0].customer_id], until=at + AHEAD)
        found = read_all(customer=customer, sandbox=sandbox, at=at)
    if not found:
        if not Customer.objects.filter(external_id=customer, sandbox=sandbox).exists():
            raise UnknownCustomer(customer)
        return []
    firsts = [rows[0] for rows in found]
    features = Feature.objects.in_bulk([row.feature_id for row in firsts])
    subscriptions = Subscription.objects.in_bulk([row.subscription_id for row in firsts])
    granted = PlanFeature.objects.in_bulk([row.plan_feature_id for row in firsts if row.plan_feature_id])
    spent = spent_of(customer=customer, sandbox=sandbox, at=at) if any(row.is_capped for row in firsts) else []
    without = {row.subscription_id for row in firsts if row.version_id is None}
    paused = {id_ for id_ in without if paused_at(id_, at)}
    locks = Locks(Asked(customer, "", sandbox, at))

    def entitled(rows: list[Row]) -> Entitlement:
        first = rows[0]
        feature, subscription = features[first.feature_id], subscriptions[first.subscription_id]
        asked = Asked(customer, feature.code, sandbox, at, subscription.external_id if subscription.named else "")
        value = granted[first.plan_feature_id].static_value if first.plan_feature_id else ""
        answer = answer_of(rows, asked, spent=spent, is_paused=first.subscription_id in paused, locks=locks)
        return Entitlement(feature, subscription.external_id, subscription.named, value, answer)

    return [entitled(rows) for rows in found]
