"""GET /api/v1/customers/{id}/entitlements: all that a customer may use now, and why not the rest."""

from typing import Any

import msgspec
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from billing.api.limits.availability import standing_document
from billing.limits.entitlements import Entitlement, UnknownCustomer, entitlements
from billing.limits.remedies import lock_document
from customers.customer_time import time_for
from lib.api.errors import NotFound


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
        at = time_for(customer, sandbox=sandbox)
        try:
            found = entitlements(customer=customer, sandbox=sandbox, at=at)
        except UnknownCustomer as error:
            raise NotFound(f"There is no customer “{customer}”.") from error
        document = {"customer": customer, "at": at, "features": [_document(one) for one in found]}
        return HttpResponse(msgspec.json.encode(document), content_type="application/json")


def _document(one: Entitlement) -> dict[str, Any]:
    return {
        "feature": one.feature.code,
        "name": one.feature.name,
        "kind": one.feature.kind,
        "value": one.value or None,
        "subscription": one.subscription,
        "named": one.named,
        **standing_document(one.answer),
        "unlock": lock_document(one.answer.lock) if one.answer.lock else None,
    }
