"""GET /api/v1/customers/{id}/entitlements: the features a customer may use now, and reasons for the others."""

from typing import Any

import msgspec
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from billing.api.limits.availability import availability_payload
from billing.limits.entitlements import Entitlement, UnknownCustomer, read_entitlements
from billing.limits.remedies import lock_payload
from customers.customer_time import current_time_by_external_id
from lib.api.operations import get
from lib.api.views import ApiView


class EntitlementsView(ApiView[Any]):
    """All features that a customer's subscriptions grant."""

    @get(
        "list_entitlements",
        "List a customer's entitlements",
        "Every feature included in an active subscription: its kind, its value if it is fixed, and the result"
        " of a check without a quantity.",
        response=OpenApiTypes.OBJECT,
        refusals={UnknownCustomer: "not-found"},
    )
    def list_all(self, request: Request, customer: str) -> HttpResponse:
        sandbox = self.caller.sandbox
        at = current_time_by_external_id(customer, sandbox=sandbox)
        entitlements = read_entitlements(customer=customer, sandbox=sandbox, at=at)
        payload = {
            "customer": customer,
            "at": at,
            "features": [_entitlement_payload(entitlement) for entitlement in entitlements],
        }
        return HttpResponse(msgspec.json.encode(payload), content_type="application/json")


def _entitlement_payload(entitlement: Entitlement) -> dict[str, Any]:
    return {
        "feature": entitlement.feature.code,
        "name": entitlement.feature.name,
        "kind": entitlement.feature.kind,
        "value": entitlement.value or None,
        "subscription": entitlement.subscription,
        "named": entitlement.is_named,
        **availability_payload(entitlement.answer),
        "unlock": lock_payload(entitlement.answer.feature_lock) if entitlement.answer.feature_lock else None,
    }
