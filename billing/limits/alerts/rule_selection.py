"""Select the alert rules that apply to a target: docs/alerts.md#which-rule-applies."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from django.db.models import Q

from billing.models import AlertRule
from billing.models.alerts import FEATURE_KINDS


class AlertTarget(NamedTuple):
    """The subject of a measurement or an alert; fields that do not apply are None or empty."""

    customer_id: int
    subscription_id: int | None = None
    feature_id: int | None = None
    wallet_id: int | None = None
    dimension: str = ""
    dimension_value: str = ""


class RuleBook:
    """The stored rules that may apply to a set of customers."""

    def __init__(self, seller_ids: Mapping[int, int]) -> None:
        """
        Read the rules of the customers, of their sellers and for everyone, in one query. seller_ids: customer →
        seller.
        """
        of_customer_or_seller = Q(customer__in=list(seller_ids)) | Q(seller__in=set(seller_ids.values()))
        of_everyone = Q(seller__isnull=True, customer__isnull=True)
        rules = AlertRule.objects.filter(of_customer_or_seller | of_everyone, removed_at__isnull=True)
        self._by_kind: dict[str, dict[int | None, list[AlertRule]]] = {}
        for rule in rules.order_by("pk"):
            self._by_kind.setdefault(rule.kind, {}).setdefault(rule.customer_id, []).append(rule)

    def has_active(self, kinds: Iterable[str]) -> bool:
        """Return whether any rule of these kinds is on."""
        return any(rule.is_on for kind in kinds for rules in self._by_kind.get(kind, {}).values() for rule in rules)

    def highest_level(self, kind: str) -> int:
        """Return the highest level of a kind's active rules, or zero without such a rule."""
        return max(
            (max(rule.levels) for rules in self._by_kind.get(kind, {}).values() for rule in rules if rule.is_on),
            default=0,
        )

    def select(self, kind: str, target: AlertTarget, *, seller_id: int) -> list[AlertRule]:
        """
        Return the rules that apply to a target: finance's most specific one if it is on, and the customer's own.
        """
        best_by_side: dict[str, AlertRule] = {}
        for rule in self._candidates(kind, target.customer_id):
            if _matches(rule, target, seller_id) and (
                rule.set_by not in best_by_side or _specificity(rule) > _specificity(best_by_side[rule.set_by])
            ):
                best_by_side[rule.set_by] = rule
        return [rule for rule in best_by_side.values() if rule.is_on]

    def customer_rules(self, kind: str, customer_id: int) -> list[AlertRule]:
        """Return the active rules of a kind that name this customer or one of their subscriptions."""
        return [rule for rule in self._by_kind.get(kind, {}).get(customer_id, ()) if rule.is_on]

    def _candidates(self, kind: str, customer_id: int) -> Iterator[AlertRule]:
        rules_by_customer = self._by_kind.get(kind, {})
        yield from rules_by_customer.get(None, ())
        yield from rules_by_customer.get(customer_id, ())


def _matches(rule: AlertRule, target: AlertTarget, seller_id: int) -> bool:
    if rule.seller_id not in (None, seller_id) or rule.subscription_id not in (None, target.subscription_id):
        return False
    if rule.kind in FEATURE_KINDS:
        return rule.feature_id in (None, target.feature_id)
    rule_scope = rule.feature_id, rule.dimension, rule.dimension_value
    return rule_scope == (target.feature_id, target.dimension, target.dimension_value)


def _specificity(rule: AlertRule) -> tuple[bool, bool, bool, bool]:
    """Rank a rule by how specific it is: by its owner first, then by whether it names the feature."""
    return (
        rule.subscription_id is not None,
        rule.customer_id is not None,
        rule.seller_id is not None,
        rule.feature_id is not None,
    )
