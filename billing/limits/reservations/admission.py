"""
Admission of usage within the limits, decided in the transaction that counts it.

The usage is counted first and then compared with the limits, so it is admitted if no limit is exceeded by then; the
drawdown refuses amounts that wallets can't cover. A refusal rolls everything back: no event is stored, and no key is
used up.
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
from billing.models.unmatched_usage import UnmatchedReason
from lib.decimals import EXACT, ZERO
from plans.models import PlanFeature
from wallets.models import Hold

REFUSAL_REASONS: dict[str, str] = {
    UnmatchedReason.UNKNOWN_CUSTOMER: NOT_COVERED,
    UnmatchedReason.NO_SUBSCRIPTION: NOT_COVERED,
    UnmatchedReason.NOT_SOLD: NOT_COVERED,
    UnmatchedReason.PAUSED: PAUSED,
}
"""Reasons for which a checked report is refused; without a check, such usage is stored as unmatched."""


def report_usage(*, events: Sequence[ReceivedEvent], sandbox: bool, at: datetime) -> list[str]:
    """
    Store usage if all of it is within the limits, else none; return outcomes as `record_events` does.

    :raises LimitReached: if a limit prevents it.
    :raises BatchConflict: if an event conflicts with a stored one.
    """
    return record_admitted(events, LimitAdmission(sandbox, at))


def record_admitted(events: Sequence[ReceivedEvent], admission: "LimitAdmission") -> list[str]:
    """Store usage if the admission allows it, as `report_usage` does."""
    sandbox, at = admission.sandbox, admission.at
    try:
        return event_recorder.record_events(events=events, sandbox=sandbox, at=at, atomic=True, admission=admission)
    except InsufficientBalance as error:
        answer = check(customer=error.customer, feature=error.feature, quantity=ZERO, sandbox=sandbox, at=at)
        raise LimitReached(answer.refused(WALLET_EMPTY)) from error


@dataclass(slots=True)
class LimitAdmission:
    """
    An admission by the limits of the events' features. frees: holds that reserved the usage, released with it.

    added_quantities: plan feature → quantity added.
    stopping_caps: customer → spend of its caps before.
    """

    sandbox: bool
    at: datetime
    frees: Sequence[Hold] = ()
    added_quantities: dict[int, Decimal] = field(default_factory=dict)
    stopping_caps: dict[str, list[CapSpend]] = field(default_factory=dict)

    def begin(self, customers: Collection[str]) -> None:
        """Lock the customers before any other row, and note the spend of caps that stop usage."""
        # The recorder begins again after a failed try, so nothing of that one may remain.
        self.added_quantities.clear()
        lock_customers_by_external_id(customers, sandbox=self.sandbox)
        capped_customers = customers_with_stopping_caps(customers, sandbox=self.sandbox)
        self.stopping_caps = {customer: self._read_stopping_caps(customer) for customer in capped_customers}

    def decide(self, batch: EventBatch, repeated: Collection[str]) -> None:
        """
        Admit the usage that was just counted, or refuse it.

        :raises LimitReached: if a limit is exceeded.
        """
        times: dict[tuple[str, int, str], tuple[datetime, datetime]] = {}
        for event, plan_feature_id, quantity in _covered_quantities(batch, repeated):
            added_before = self.added_quantities.get(plan_feature_id, ZERO)
            self.added_quantities[plan_feature_id] = EXACT.add(added_before, Decimal(quantity))
            key = event.customer, plan_feature_id, event.subscription
            first, last = times.get(key, (event.occurred_at, event.occurred_at))
            times[key] = min(first, event.occurred_at), max(last, event.occurred_at)
        codes = dict(PlanFeature.objects.filter(pk__in=self.added_quantities).values_list("pk", "feature__code"))
        for (customer, plan_feature_id, subscription), (first, last) in sorted(times.items()):
            query = FeatureQuery(customer, codes[plan_feature_id], self.sandbox, last, subscription)
            answer = find_exceeded_limit(query, since=first)
            if answer is not None:
                raise LimitReached(answer)
        for customer, spends_before in self.stopping_caps.items():
            self._check_caps(customer, spends_before, codes)

    def _check_caps(self, customer: str, spends_before: list[CapSpend], codes: dict[int, str]) -> None:
        spent_before = {(spend.cap.id, spend.period_id): spend.spent for spend in spends_before}
        for spend in self._read_stopping_caps(customer):
            # A cap that was exceeded before stops only usage that costs more.
            if spend.spent > spend.cap.amount and spend.spent > spent_before.get(
                (spend.cap.id, spend.period_id), ZERO
            ):
                code = next(iter(codes.values()), "")
                answer = check(customer=customer, feature=code, quantity=ZERO, sandbox=self.sandbox, at=self.at)
                raise LimitReached(replace(answer.refused(SPEND_CAP_REACHED), reached_cap=spend))

    def _read_stopping_caps(self, customer: str) -> list[CapSpend]:
        return [
            spend
            for spend in read_cap_spend(customer=customer, sandbox=self.sandbox, at=self.at)
            if spend.stops_usage
        ]


def _covered_quantities(
    batch: EventBatch, repeated: Collection[str]
) -> Iterator[tuple[ReceivedEvent, int, int | Decimal]]:
    """Yield the quantity that each new event adds to a feature; refuse usage that no subscription covers."""
    for event, attribution in zip(batch.events, batch.attributions, strict=True):
        if event.key in repeated:
            continue
        for part in attribution.unmatched_parts:
            if part.reason in REFUSAL_REASONS:
                raise LimitReached(CheckAnswer(False, REFUSAL_REASONS[part.reason], "", ZERO, ZERO, ZERO, None))
        for stop, value in zip(attribution.route.stops, attribution.values, strict=True):
            for counter, _ in stop.targets:
                yield event, counter.plan_feature_id, value
