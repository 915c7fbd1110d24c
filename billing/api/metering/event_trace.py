"""GET /api/v1/events/trace: an event's way through metering and billing."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.metering.event_schemas import EVENT_ID
from billing.metering.ingest.parser import INVALID_CHARACTER, event_key
from billing.metering.usage.event_price import EventPrice
from billing.metering.usage.event_trace import EventTrace, RateContribution, trace_event
from billing.metering.usage.wallet_payments import WalletPayment
from billing.models import Correction
from lib.api.operations import get
from lib.api.problems import Problem, invalid_field
from lib.api.views import ApiView
from lib.decimals import ZERO, to_plain_string


class TraceView(ApiView[Any]):
    """
    The meters that an event matched, and why others did not; its quantities and rates; the wallet's lots that
    paid for it; and the lines that bill it.
    """

    @get(
        "trace_event",
        "Trace an event to its meters, rates, wallet lots and invoice lines",
        parameters=(
            OpenApiParameter("id", EVENT_ID, required=True, description="ID of the event."),
            OpenApiParameter("source", str, description="Its source, if it has one."),
        ),
        response=OpenApiTypes.OBJECT,
        problems=("not-found",),
    )
    def trace(self, request: Request) -> Response:
        id_, source = request.query_params.get("id", ""), request.query_params.get("source", "")
        if not id_ or "\0" in id_ + source:
            raise invalid_field("id", INVALID_CHARACTER if id_ else "Send the event's ID.")
        traced = trace_event(event_key(id_, source=source, sandbox=self.caller.sandbox))
        if traced is None:
            raise Problem("not-found", f"No event with the ID “{id_}” is stored.")
        return Response(_trace_payload(traced))


def _trace_payload(traced: EventTrace) -> dict[str, Any]:
    row = traced.row
    return {
        "id": row.sender_id,
        "source": row.source,
        "event": row.name,
        "customer": row.customer_ref,
        "timestamp": row.occurred_at,
        "received_at": row.received_at,
        "number": row.sequence,
        "why_not": traced.why_not or None,
        "correction": _correction(traced.correction),
        "replaces": _correction(traced.replaces),
        "unmatched": [
            {
                "meter": report.meter and report.meter.code,
                "reason": report.reason,
                "detail": report.detail,
                "resolved_at": report.resolved_at,
            }
            for report in traced.unmatched
        ],
        "meters": [
            {
                "meter": meter.code,
                "why_not": meter.why_not or None,
                "counted": [_counted(part) for part in meter.counted],
            }
            for meter in traced.meters
        ],
    }


def _counted(part: RateContribution) -> dict[str, Any]:
    return {
        "feature": part.feature,
        "rate": part.rate,
        "subscription": part.subscription,
        "period": {"start": part.starts_at, "end": part.ends_at},
        "quantity": to_plain_string(part.quantity),
        "number": part.number,
        "tiers": [str(units) for units in part.price.units],
        "tiers_are": "of the event, in the order of time" if part.price.is_ordered else "of the period's total",
        "price": _price(part.price),
        "wallet": None if part.payments is None else [_payment(payment) for payment in part.payments],
        "lines": [asdict(line) for line in part.lines],
        "waits": part.waits or None,
    }


def _price(price: EventPrice) -> dict[str, Any] | None:
    if not price.units:
        return None
    return {
        "currency": price.currency,
        "amount": None if price.amount is None else to_plain_string(price.amount),
        "units": [
            {
                "units": to_plain_string(priced.units),
                "unit_price": to_plain_string(priced.part.unit_price if priced.part else ZERO),
                "amount": to_plain_string(priced.amount),
            }
            for priced in price.units
        ],
    }


def _payment(payment: WalletPayment) -> dict[str, Any]:
    return {
        "transaction": payment.transaction_id,
        "wallet": payment.wallet_id,
        "kind": payment.kind,
        "at": payment.at,
        "unit": payment.unit,
        "units": to_plain_string(payment.units),
        "uncovered": to_plain_string(payment.uncovered),
        "covers": "usage recorded at that time, with this event" if payment.is_shared else "this event",
        "lots": [{"lot": lot.lot_id, "units": to_plain_string(lot.units)} for lot in payment.lots],
    }


def _correction(correction: Correction | None) -> dict[str, Any] | None:
    if correction is None:
        return None
    return {
        "kind": correction.kind,
        "reason": correction.reason,
        "by": correction.who,
        "at": correction.corrected_at,
        "number": correction.sequence,
    }
