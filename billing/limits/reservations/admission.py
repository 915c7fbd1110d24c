"""
Let usage in only as far as the limits go: decided in the transaction that counts it.

What was counted stands already when it is looked at, so it is let in if nothing is beyond its limit by then, and what
wallets have not is refused by the draw. Who is refused rolls back: no event is stored, and no key is used up.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from billing.limits.cap_spend import CapSpend, customers_with_stopping_caps, read_cap_spend
from billing.limits.check import (
    NOT_COVERED,
    PAUSED,
    SPEND_CAP_REACHED,
    WALLET_EMPTY,
    CheckAnswer,
    check,
    find_exceeded_limit,
)
from billing.limits.feature_usage import FeatureQuery
from billing.limits.reservations.customer_lock import lock_customers_by_external_id
from billing.limits.reservations.errors import LimitReached
from billing.metering.drawdown.wallet_debits import InsufficientBalance
from billing.metering.ingest import event_recorder
from billing.metering.ingest.event_recorder import EventBatch
from billing.metering.ingest.parser import ReceivedEvent
from billing.models.usage import UnmatchedReason
from lib.decimals import EXACT, ZERO
from plans.models import PlanFeature
from wallets.models import Hold

REFUSAL_REASONS = {
    UnmatchedReason.UNKNOWN_CUSTOMER: NOT_COVERED,
    UnmatchedReason.NO_SUBSCRIPTION: NOT_COVERED,
    UnmatchedReason.PAUSED: PAUSED,
}
"""What is reported in spite of these is a fact that somebody looks into; what asks first is refused."""


def report_usage(*, events: Sequence[ReceivedEvent], sandbox: bool, at: datetime) -> list[str]:
    """
    Store usage if the limits let all of it in, and none of it otherwise; return outcomes as `record` does.

    :raises LimitReached: if one stands against it.
    :raises RefusedAsAWhole: if an event conflicts with a stored one.
    """
    return record_admitted(events, LimitAdmission(sandbox, at))


def record_admitted(events: Sequence[ReceivedEvent], admission: "LimitAdmission") -> list[str]:
    """Store usage that an admission decides of, as `report` does."""
    sandbox, at = admission.sandbox, admission.at
    try:
        return event_recorder.record_events(events=events, sandbox=sandbox, at=at, atomic=True, admission=admission)
    except InsufficientBalance as error:
        stands = check(customer=error.customer, feature=error.feature, quantity=ZERO, sandbox=sandbox, at=at)
        raise LimitReached(stands.refused(WALLET_EMPTY)) from error


@dataclass(slots=True)
class LimitAdmission:
    """
    What usage is let in by. frees: holds that it was kept in, which end with it.

    counted: feature of a version → what was added to it. stops: customer → what is spent of its caps before.
    """

    sandbox: bool
    at: datetime
    frees: Sequence[Hold] = ()
    added_quantities: dict[int, Decimal] = field(default_factory=dict)
    stopping_caps: dict[str, list[CapSpend]] = field(default_factory=dict)

    def begin(self, customers: Collection[str]) -> None:
        """Lock the customers before anything else is locked, and note what is spent of caps that stop them."""
        self.added_quantities.clear()
        lock_customers_by_external_id(customers, sandbox=self.sandbox)
        found = customers_with_stopping_caps(customers, sandbox=self.sandbox)
        self.stopping_caps = {customer: self._read_stopping_caps(customer) for customer in found}

    def decide(self, batch: EventBatch, repeated: Collection[str]) -> None:
        """
        Let in what is counted by now, or refuse it.

        :raises LimitReached: if a limit is passed.
        """
        asked = {}
        for event, plan_feature_id, quantity in _covered_quantities(batch, repeated):
            before = self.added_quantities.get(plan_feature_id, ZERO)
            self.added_quantities[plan_feature_id] = EXACT.add(before, Decimal(quantity))
            key = event.customer, plan_feature_id, event.subscription
            asked[key] = max(event.occurred_at, asked.get(key, event.occurred_at))
        codes = dict(PlanFeature.objects.filter(pk__in=self.added_quantities).values_list("pk", "feature__code"))
        for (customer, plan_feature_id, subscription), at in sorted(asked.items()):
            stands = find_exceeded_limit(
                FeatureQuery(customer, codes[plan_feature_id], self.sandbox, at, subscription)
            )
            if stands is not None:
                raise LimitReached(stands)
        for customer, before in self.stopping_caps.items():
            self._check_caps(customer, before, codes)

    def _check_caps(self, customer: str, before: list[CapSpend], codes: dict[int, str]) -> None:
        spent = {(one.cap.id, one.period_id): one.spent for one in before}
        for one in self._read_stopping_caps(customer):
            if one.spent > one.cap.amount and one.spent > spent.get((one.cap.id, one.period_id), ZERO):
                code = next(iter(codes.values()), "")
                stands = check(customer=customer, feature=code, quantity=ZERO, sandbox=self.sandbox, at=self.at)
                raise LimitReached(replace(stands.refused(SPEND_CAP_REACHED), reached_cap=one))

    def _read_stopping_caps(self, customer: str) -> list[CapSpend]:
        return [one for one in read_cap_spend(customer=customer, sandbox=self.sandbox, at=self.at) if one.stops_usage]


def _covered_quantities(
    batch: EventBatch, repeated: Collection[str]
) -> Iterator[tuple[ReceivedEvent, int, int | Decimal]]:
    """Yield what each new event adds to which feature; one that nothing covers is refused."""
    for event, one in zip(batch.events, batch.attributions, strict=True):
        if event.key in repeated:
            continue
        for part in one.unmatched_parts:
            if part.reason in REFUSAL_REASONS:
                raise LimitReached(CheckAnswer(False, REFUSAL_REASONS[part.reason], "", ZERO, ZERO, ZERO, None))
        for stop, value in zip(one.route.stops, one.values, strict=True):
            for counter, _ in stop.targets:
                yield event, counter.plan_feature_id, value
