"""GET /api/v1/customers/{id}/usage: a customer's usage and its cost so far."""

from datetime import datetime
from typing import Any

import msgspec
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.dateparse import parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.subscriptions.serializers import HeldSerializer
from billing.closing.commitments.progress import CommitmentProgress, read_commitment_progress
from billing.metering.rating_inputs.cap_usage import CapUsage
from billing.metering.usage.breakdown import WINDOWS, BreakdownRefused, breakdown
from billing.metering.usage.current_usage import FeatureUsage, PeriodUsage, UnknownCustomer, current_usage
from customers.customer_time import current_time_by_external_id
from customers.models import Customer
from lib.api.number_fields import serialize_amount
from lib.api.operations import get
from lib.api.problems import invalid_field
from lib.api.views import ApiView
from lib.decimals import to_plain_string
from plans.models import Meter
from wallets.ledger.balances import EMPTY_BALANCES, read_balances
from wallets.models import Wallet


class Usage(ApiView[Any]):
    """A customer's usage, including every event whose request was answered."""

    @get(
        "read_usage",
        "A customer's current usage and cost",
        "Usage, allowance and cost of the current periods, including every event that was accepted.",
        response=OpenApiTypes.OBJECT,
        refusals={UnknownCustomer: "not-found"},
    )
    def read(self, request: Request, customer: str) -> HttpResponse:
        at = current_time_by_external_id(customer, sandbox=self.caller.sandbox)
        periods = current_usage(customer=customer, sandbox=self.caller.sandbox, at=at)
        progress_by_period = read_commitment_progress(periods)
        period_payloads = [period_document(period, progress_by_period.get(period.period_id)) for period in periods]
        payload = {"customer": customer, "at": at, "periods": period_payloads}
        if any(feature.terms.wallet for period in periods for feature in period.features):
            payload["wallets"] = wallet_documents(customer, sandbox=self.caller.sandbox, at=at)
        return HttpResponse(msgspec.json.encode(payload), content_type="application/json")

    @get(
        "break_down_usage",
        "A customer's usage by minute, hour, day or month, and by a dimension",
        "Usage of one meter by time and dimension. Minutes cover at most 6 hours and 20,000 events.",
        parameters=(
            OpenApiParameter("meter", str, required=True, description="The meter's code."),
            OpenApiParameter("since", OpenApiTypes.DATETIME, required=True),
            OpenApiParameter("until", OpenApiTypes.DATETIME, required=True),
            OpenApiParameter("window", str, enum=list(WINDOWS), description="Default: day."),
            OpenApiParameter("group_by", str, description="A dimension of the meter."),
        ),
        response=OpenApiTypes.OBJECT,
        refusals={BreakdownRefused: ("invalid-fields", "invalid")},
    )
    def break_down(self, request: Request, customer: str) -> Response:
        subject = get_object_or_404(Customer, external_id=customer, sandbox=self.caller.sandbox)
        meter = get_object_or_404(Meter, code=request.query_params.get("meter", ""))
        group_by = request.query_params.get("group_by") or None
        if group_by and group_by not in (*meter.dimensions, meter.reading_dimension):
            raise invalid_field("group_by", f"“{group_by}” is not a dimension of {meter.code}.")
        slices = breakdown(
            customer_id=subject.pk,
            time_zone=subject.time_zone,
            meter_id=meter.pk,
            since=_instant(request, "since"),
            until=_instant(request, "until"),
            window=request.query_params.get("window", "day"),
            group_by=group_by,
        )
        rows = [
            {
                "start": part.starts_at,
                "group": part.group,
                "quantity": to_plain_string(part.quantity),
                "events": part.events,
            }
            for part in slices
        ]
        return Response({"customer": customer, "meter": meter.code, "unit": meter.unit, "rows": rows})


def _instant(request: Request, name: str) -> datetime:
    text = request.query_params.get(name, "")
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise invalid_field(name, f"“{text}” is not a time with a time zone; write it like 2026-11-01T00:00:00Z.")
    return moment


def period_document(period: PeriodUsage, progress: CommitmentProgress | None) -> dict[str, Any]:
    currency = period.terms.currency
    return {
        "subscription": period.subscription,
        "plan": period.terms.plan_code,
        "version": period.terms.version_number,
        "start": period.starts_at,
        "end": period.ends_at,
        "trial": period.terms.trial or None,
        "cost": {"amount": to_plain_string(period.cost), "currency": currency},
        "projected": {"amount": to_plain_string(period.projected), "currency": currency},
        "quantities": HeldSerializer(period.quantities, many=True).data if period.quantities else [],
        "features": [feature_document(feature, currency) for feature in period.features],
        "spend_caps": [cap_document(cap_usage, period) for cap_usage in period.caps],
        "commitment": None if progress is None else commitment_document(progress, currency),
    }


def wallet_documents(customer: str, *, sandbox: bool, at: datetime) -> list[dict[str, Any]]:
    """Return the customer's open wallets, in the order in which they pay."""
    wallets = Wallet.objects.filter(
        customer__external_id=customer, customer__sandbox=sandbox, closed_at__isnull=True
    ).order_by("priority", "pk")
    balances = read_balances([wallet.pk for wallet in wallets], at=at)
    return [
        {
            "id": wallet.pk,
            "name": wallet.name,
            "unit": wallet.unit,
            "balance": to_plain_string(wallet.balance),
            "available": to_plain_string(balances.get(wallet.pk, EMPTY_BALANCES).available),
            "debt": to_plain_string(wallet.debt),
        }
        for wallet in wallets
    ]


def commitment_document(progress: CommitmentProgress, currency: str) -> dict[str, Any]:
    return {
        "promised": serialize_amount(progress.promised, currency),
        "reached": serialize_amount(progress.reached, currency),
        "missing": serialize_amount(progress.missing, currency),
        "periods": progress.periods,
        "start": progress.starts_at,
        "end": progress.ends_at,
        "trues_up": progress.trues_up,
    }


def cap_document(usage: CapUsage, period: PeriodUsage) -> dict[str, Any]:
    codes = {feature.terms.feature_id: feature.terms.code for feature in period.features}
    currency = usage.cap.currency
    return {
        "of": "customer" if usage.cap.is_of_customer else "subscription",
        "feature": codes.get(usage.cap.feature_id) if usage.cap.feature_id is not None else None,
        "match": usage.cap.match,
        "action": usage.cap.action,
        "per_minute": usage.cap.per_minute,
        "throttles_from": usage.cap.throttles_from,
        "set_by": usage.cap.set_by,
        "cap": {"amount": to_plain_string(usage.cap.amount), "currency": currency},
        "spent": {"amount": to_plain_string(usage.spent), "currency": currency},
        "remaining": {"amount": to_plain_string(usage.remaining), "currency": currency},
    }


def feature_document(feature: FeatureUsage, currency: str) -> dict[str, Any]:
    return {
        "feature": feature.terms.code,
        "consumption": feature.terms.consumption,
        "unit": feature.terms.unit,
        "events": feature.events,
        "used": to_plain_string(feature.used),
        "included": to_plain_string(feature.terms.included),
        "included_per": feature.terms.included_per,
        "remaining": None if feature.remaining is None else to_plain_string(feature.remaining),
        "cost": {"amount": to_plain_string(feature.cost), "currency": currency},
        "projected": {"amount": to_plain_string(feature.projected), "currency": currency},
        "drawn": None if feature.drawn is None else serialize_amount(feature.drawn, feature.terms.wallet),
        "rates": [
            {
                "rate": line.label,
                "quantity": to_plain_string(line.quantity),
                "included": to_plain_string(line.included),
                "billable": to_plain_string(line.billable),
                "amount": {"amount": to_plain_string(line.amount), "currency": currency},
                "parts": [part.as_json() for part in line.parts],
            }
            for line in (feature.rating.lines if feature.rating else ())
        ],
    }
