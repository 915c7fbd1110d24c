"""Which of the rules holds for what is watched: docs/alerts.md#which-rule-holds."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from django.db.models import Q

from billing.models import AlertRule
from billing.models.alerts import OF_A_FEATURE


class Subject(NamedTuple):
    """What a reading, or an alert, is about; None and empty where that does not apply."""

    customer_id: int
    subscription_id: int | None = None
    feature_id: int | None = None
    wallet_id: int | None = None
    dimension: str = ""
    dimension_value: str = ""


class Rules:
    """The rules that may hold for some customers, as they are stored now."""

    def __init__(self, sellers: Mapping[int, int]) -> None:
        """Read those of the customers, of their sellers, and for everybody, in one query; customer → seller."""
        theirs = Q(customer__in=list(sellers)) | Q(seller__in=set(sellers.values()))
        everybodys = Q(seller__isnull=True, customer__isnull=True)
        found = AlertRule.objects.filter(theirs | everybodys, removed_at__isnull=True)
        self._by_kind: dict[str, dict[int | None, list[AlertRule]]] = {}
        for one in found.order_by("pk"):
            self._by_kind.setdefault(one.kind, {}).setdefault(one.customer_id, []).append(one)

    def of_kinds(self, kinds: Iterable[str]) -> bool:
        """Tell whether any rule of these kinds is on."""
        return any(one.is_on for kind in kinds for some in self._by_kind.get(kind, {}).values() for one in some)

    def longest(self, kind: str) -> int:
        """Return the greatest level of a kind, zero where there is no rule of it."""
        return max(
            (max(one.levels) for some in self._by_kind.get(kind, {}).values() for one in some if one.is_on), default=0
        )

    def holding(self, kind: str, of: Subject, *, seller_id: int) -> list[AlertRule]:
        """Return the rules that hold for a subject: finance's most specific one if it is on, and the customer's."""
        best: dict[str, AlertRule] = {}
        for one in self._of(kind, of.customer_id):
            if _fits(one, of, seller_id) and (one.set_by not in best or _rank(one) > _rank(best[one.set_by])):
                best[one.set_by] = one
        return [one for one in best.values() if one.is_on]

    def own(self, kind: str, customer_id: int) -> list[AlertRule]:
        """Return the rules of a kind that name a customer, or a subscription of theirs, and are on."""
        return [one for one in self._by_kind.get(kind, {}).get(customer_id, ()) if one.is_on]

    def _of(self, kind: str, customer_id: int) -> Iterator[AlertRule]:
        of_kind = self._by_kind.get(kind, {})
        yield from of_kind.get(None, ())
        yield from of_kind.get(customer_id, ())


def _fits(rule: AlertRule, of: Subject, seller_id: int) -> bool:
    if rule.seller_id not in (None, seller_id) or rule.subscription_id not in (None, of.subscription_id):
        return False
    if rule.kind in OF_A_FEATURE:
        return rule.feature_id in (None, of.feature_id)
    named = rule.feature_id, rule.dimension, rule.dimension_value
    return named == (of.feature_id, of.dimension, of.dimension_value)


def _rank(rule: AlertRule) -> tuple[bool, bool, bool, bool]:
    """Order rules by how specific they are: whose they are first, then whether they name the feature."""
    return (
        rule.subscription_id is not None,
        rule.customer_id is not None,
        rule.seller_id is not None,
        rule.feature_id is not None,
    )
