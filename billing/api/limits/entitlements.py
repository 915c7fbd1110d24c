"""GET /api/v1/customers/{id}/entitlements: all that a customer may use now, and why not the rest."""

from typing import Any

import msgspec
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from billing.api.limits.availability import standing_document
from billing.limits.entitlements import Entitlement, UnknownCustomer, read_entitlements
from billing.limits.remedies import lock_payload
from customers.customer_time import current_time_by_external_id
from lib.api.errors import NotFoundError


class EntitlementsView(APIView):
    """Every feature that a customer's subscriptions grant."""

    required_scopes = {"GET": "read"}
    problems = {"GET": ["not-found"]}

    @extend_schema(
        operation_id="list_entitlements",
        summary="What may this customer use?",
        description="Every feature that a running subscription covers: its kind, its value if it is a fixed one, and"
        " what a check for any use at all answers.",
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request, customer: str) -> HttpResponse:
        sandbox = request.user.sandbox
        at = current_time_by_external_id(customer, sandbox=sandbox)
        try:
            found = read_entitlements(customer=customer, sandbox=sandbox, at=at)
        except UnknownCustomer as error:
            raise NotFoundError(f"There is no customer “{customer}”.") from error
        document = {"customer": customer, "at": at, "features": [_document(one) for one in found]}
        return HttpResponse(msgspec.json.encode(document), content_type="application/json")


def _document(one: Entitlement) -> dict[str, Any]:
    return {
        "feature": one.feature.code,
        "name": one.feature.name,
        "kind": one.feature.kind,
        "value": one.value or None,
        "subscription": one.subscription,
        "named": one.is_named,
        **standing_document(one.answer),
        "unlock": lock_payload(one.answer.feature_lock) if one.answer.feature_lock else None,
    }
