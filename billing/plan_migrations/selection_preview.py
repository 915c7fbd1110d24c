"""A preview of a migration's selection while it is put together: how many match, and why the others don't."""

from collections import Counter
from dataclasses import dataclass

from django.db.models import QuerySet

from billing.models import Subscription
from billing.plan_migrations.cohort import (
    EXPLAINED,
    Selection,
    explain_exclusion,
    read_plan_name,
    select_subscriptions,
)
from customers.models import Customer
from plans.models import PlanVersion

MOST = 100_000
"""Maximum number of subscriptions that are counted."""
MAX_EXPLAINED = 500
"""Subscriptions and IDs whose reason is read; of the others only the number is."""
MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class SelectionPreview:
    """
    matching: number of subscriptions, at most `MOST`. customers: the names of some of their customers.

    excluded: number of subscriptions on the plan or with the IDs that don't match, at most `MOST`.
    reasons: reason → number, the most frequent first, of up to `MAX_EXPLAINED` of them.
    unknown_ids: up to `MAX_EXPLAINED` given IDs that no subscription or customer has.
    """

    matching: int
    customers: tuple[str, ...]
    excluded: int
    reasons: dict[str, int]
    unknown_ids: tuple[str, ...]


def preview_selection(selection: Selection, *, version: PlanVersion | None, sandbox: bool) -> SelectionPreview:
    """
    Compare the subscriptions that match with those that the plan or the IDs name, in a fixed number of queries.

    version: the target; None while it isn't chosen.
    """
    matching = select_subscriptions(selection, version=version, sandbox=sandbox)
    named_by = Selection(ids=selection.ids) if selection.ids else Selection(plan=selection.plan)
    named = select_subscriptions(named_by, version=None, sandbox=sandbox)
    excluded = named.exclude(pk__in=matching.values("pk"))
    plan_name = read_plan_name(selection)
    reasons = Counter(
        explain_exclusion(subscription, selection, version, plan_name=plan_name)
        for subscription in excluded.select_related(*EXPLAINED).order_by("pk")[:MAX_EXPLAINED]
    )
    customers = matching.order_by("pk").values_list("customer__legal_name", flat=True)[: MAX_NAMED * 2]
    return SelectionPreview(
        matching=_count(matching),
        customers=tuple(dict.fromkeys(customers))[:MAX_NAMED],
        excluded=_count(excluded),
        reasons=dict(reasons.most_common()),
        unknown_ids=_find_unknown(selection.ids[:MAX_EXPLAINED], sandbox=sandbox),
    )


def _count(subscriptions: QuerySet[Subscription]) -> int:
    return subscriptions.order_by()[:MOST].count()


def _find_unknown(ids: tuple[str, ...], *, sandbox: bool) -> tuple[str, ...]:
    if not ids:
        return ()
    subscriptions = Subscription.objects.filter(external_id__in=ids, sandbox=sandbox).values_list("external_id")
    customers = Customer.objects.filter(external_id__in=ids, sandbox=sandbox).values_list("external_id")
    known = {external_id for (external_id,) in subscriptions.union(customers)}
    return tuple(external_id for external_id in ids if external_id not in known)
