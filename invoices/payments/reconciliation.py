"""Compare a provider's payments and refunds with ours: docs/payments.md#reconciliation."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from invoices.models import MerchantAccount, PaymentAttempt, Refund
from invoices.models.payment_attempts import AttemptState
from invoices.payments.attempts.settlement import record_outcome
from invoices.payments.providers import ProviderResponse, provider
from invoices.payments.providers.protocol import PENDING, SUCCEEDED, ProviderRecord
from invoices.payments.refunds.refund import record_refund_outcome as settle_refund


@dataclass(frozen=True, slots=True)
class Difference:
    """
    A difference between the provider's records and ours.

    ref: the provider's id. row_id: the id of our row, if one exists.
    """

    description: str
    kind: str
    ref: str
    row_id: int | None
    amount: Decimal
    currency: str


def reconcile(
    *,
    provider_name: str,
    start: datetime,
    end: datetime,
    at: datetime,
    merchant: MerchantAccount | None = None,
    records_outcomes: bool = False,
) -> Iterator[Difference]:
    """
    Yield the differences among the payments and refunds of [start, end) at one account.

    merchant: the seller's own account; None for that of the settings.

    records_outcomes: whether to record outcomes that the provider has and we don't.

    :raises OutcomeUnknown: if the provider cannot be reached. :raises Misconfigured: if it refuses our key.
    """
    listed_keys: set[tuple[str, str]] = set()
    for record in provider(provider_name, merchant).list_records(start, end):
        listed_keys.add((record.kind, record.key))
        yield from _compare(record, provider_name, at, records_outcomes)
    yield from _missing(listed_keys, provider_name, merchant, start, end)


def _compare(
    record: ProviderRecord, provider_name: str, at: datetime, records_outcomes: bool
) -> Iterator[Difference]:
    row = _find_row(record, provider_name)
    if row is None:
        if record.state == SUCCEEDED:
            yield _difference("collected by the provider, but not recorded", record, None)
        return
    if (row.amount, str(row.currency)) != (record.amount, record.currency):
        yield _difference(f"recorded amount differs: {row.amount} {row.currency}", record, row.pk)
    # Two failures of different kinds are no difference, since neither moved money.
    if record.state not in (row.state, PENDING) and not (record.state != SUCCEEDED and row.state != SUCCEEDED):
        yield _difference(
            f"recorded state differs: {row.get_state_display()} instead of {record.state}", record, row.pk
        )
        if records_outcomes:
            response = ProviderResponse(record.state, record.ref)
            if isinstance(row, PaymentAttempt):
                record_outcome(attempt_id=row.pk, response=response, at=at)
            else:
                settle_refund(refund_id=row.pk, response=response, at=at)


def _find_row(record: ProviderRecord, provider_name: str) -> PaymentAttempt | Refund | None:
    rows = (PaymentAttempt if record.kind == "charge" else Refund).objects.filter(provider=provider_name)
    try:
        return rows.filter(key=UUID(record.key)).first()
    except ValueError:
        # Without our key in its metadata, the provider's id identifies it.
        return rows.filter(ref=record.ref).first()


def _missing(
    listed_keys: set[tuple[str, str]],
    provider_name: str,
    merchant: MerchantAccount | None,
    start: datetime,
    end: datetime,
) -> Iterator[Difference]:
    for kind, model, path in (("charge", PaymentAttempt, "merchant"), ("refund", Refund, "attempt__merchant")):
        rows = model.objects.filter(
            **{path: merchant},
            provider=provider_name,
            state=AttemptState.SUCCEEDED,
            sent_at__gte=start,
            sent_at__lt=end,
        )
        for row in rows.order_by("pk").iterator():
            if (kind, str(row.key)) not in listed_keys:
                yield Difference(
                    "recorded, but unknown to the provider", kind, row.ref, row.pk, row.amount, str(row.currency)
                )


def _difference(description: str, record: ProviderRecord, row_id: int | None) -> Difference:
    return Difference(description, record.kind, record.ref, row_id, record.amount, record.currency)
