"""
Let usage in only as far as the limits go: decided in the transaction that counts it.

What was counted stands already when it is looked at, so it is let in if nothing is beyond its limit by then, and what
wallets have not is refused by the draw. Who is refused rolls back: no event is stored, and no key is used up.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from billing.limits.cap_spend import Spent, spent_of, stopped_by_caps
from billing.limits.check import NOT_COVERED, PAUSED, SPEND_CAP_REACHED, WALLET_EMPTY, Answer, beyond_its_cap, check
from billing.limits.feature_usage import Asked
from billing.limits.reservations.customer_lock import lock_named
from billing.limits.reservations.errors import LimitReached
from billing.metering.drawdown.wallet_debits import Uncovered
from billing.metering.ingest import event_recorder
from billing.metering.ingest.event_recorder import Batch
from billing.metering.ingest.parser import Received
from billing.models.usage import Reason
from lib.decimals import EXACT, ZERO
from plans.models import PlanFeature
from wallets.models import Hold

UNCOVERED = {Reason.UNKNOWN_CUSTOMER: NOT_COVERED, Reason.NO_SUBSCRIPTION: NOT_COVERED, Reason.PAUSED: PAUSED}
"""What is reported in spite of these is a fact that somebody looks into; what asks first is refused."""


def report(*, events: Sequence[Received], sandbox: bool, at: datetime) -> list[str]:
    """
    Store usage if the limits let all of it in, and none of it otherwise; return outcomes as `record` does.

    :raises LimitReached: if one stands against it.
    :raises RefusedAsAWhole: if an event conflicts with a stored one.
    """
    return let_in(events, Admission(sandbox, at))


def let_in(events: Sequence[Received], admission: "Admission") -> list[str]:
    """Store usage that an admission decides of, as `report` does."""
    sandbox, at = admission.sandbox, admission.at
    try:
        return event_recorder.record(events=events, sandbox=sandbox, at=at, atomic=True, admission=admission)
    except Uncovered as error:
        stands = check(customer=error.customer, feature=error.feature, quantity=ZERO, sandbox=sandbox, at=at)
        raise LimitReached(stands.refused_for(WALLET_EMPTY)) from error


@dataclass(slots=True)
class Admission:
    """
    What usage is let in by. frees: holds that it was kept in, which end with it.

    counted: feature of a version → what was added to it. stops: customer → what is spent of its caps before.
    """

    sandbox: bool
    at: datetime
    frees: Sequence[Hold] = ()
    counted: dict[int, Decimal] = field(default_factory=dict)
    stops: dict[str, list[Spent]] = field(default_factory=dict)

    def begin(self, customers: Collection[str]) -> None:
        """Lock the customers before anything else is locked, and note what is spent of caps that stop them."""
        self.counted.clear()
        lock_named(customers, sandbox=self.sandbox)
        found = stopped_by_caps(customers, sandbox=self.sandbox)
        self.stops = {customer: self._stops(customer) for customer in found}

    def decide(self, batch: Batch, repeated: Collection[str]) -> None:
        """
        Let in what is counted by now, or refuse it.

        :raises LimitReached: if a limit is passed.
        """
        asked = {}
        for event, plan_feature_id, quantity in _counted(batch, repeated):
            before = self.counted.get(plan_feature_id, ZERO)
            self.counted[plan_feature_id] = EXACT.add(before, Decimal(quantity))
            key = event.customer, plan_feature_id, event.subscription
            asked[key] = max(event.occurred_at, asked.get(key, event.occurred_at))
        codes = dict(PlanFeature.objects.filter(pk__in=self.counted).values_list("pk", "feature__code"))
        for (customer, plan_feature_id, subscription), at in sorted(asked.items()):
            stands = beyond_its_cap(Asked(customer, codes[plan_feature_id], self.sandbox, at, subscription))
            if stands is not None:
                raise LimitReached(stands)
        for customer, before in self.stops.items():
            self._decide_by_caps(customer, before, codes)

    def _decide_by_caps(self, customer: str, before: list[Spent], codes: dict[int, str]) -> None:
        spent = {(one.cap.id, one.period_id): one.spent for one in before}
        for one in self._stops(customer):
            if one.spent > one.cap.amount and one.spent > spent.get((one.cap.id, one.period_id), ZERO):
                code = next(iter(codes.values()), "")
                stands = check(customer=customer, feature=code, quantity=ZERO, sandbox=self.sandbox, at=self.at)
                raise LimitReached(replace(stands.refused_for(SPEND_CAP_REACHED), spent=one))

    def _stops(self, customer: str) -> list[Spent]:
        return [one for one in spent_of(customer=customer, sandbox=self.sandbox, at=self.at) if one.stops]


def _counted(batch: Batch, repeated: Collection[str]) -> Iterator[tuple[Received, int, int | Decimal]]:
    """Yield what each new event adds to which feature; one that nothing covers is refused."""
    for event, one in zip(batch.events, batch.attributions, strict=True):
        if event.key in repeated:
            continue
        for part in one.unpriced:
            if part.reason in UNCOVERED:
                raise LimitReached(Answer(False, UNCOVERED[part.reason], "", ZERO, ZERO, ZERO, None))
        for stop, value in zip(one.route.stops, one.values, strict=True):
            for counter, _ in stop.targets:
                yield event, counter.plan_feature_id, value
