"""POST /api/v1/check: whether a customer may use a feature now."""

from decimal import Decimal
from typing import Any

import msgspec
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from billing.api.limits.availability import answer_payload
from billing.limits.check import UnknownCustomer, UnknownFeature, check
from customers.customer_time import current_time_by_external_id
from lib.api.number_fields import NumberField
from lib.api.operations import post
from lib.api.problems import invalid_field
from lib.api.views import ApiView
from plans.aggregation.json_numbers import MAX_DIGITS, is_within_bounds, parse_number, to_exact_number

REQUEST = {
    "application/json": {
        "type": "object",
        "required": ["customer", "feature"],
        "additionalProperties": False,
        "properties": {
            "customer": {"type": "string"},
            "feature": {"type": "string"},
            "quantity": {
                **NumberField().request_schema(),
                "default": "1",
                "description": "Zero or more, as a number or decimal text.",
            },
            "subscription": {"type": "string"},
            "properties": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "Dimensions of the intended usage, such as its model, which determine its price.",
            },
        },
    }
}


class Question(msgspec.Struct, forbid_unknown_fields=True):
    customer: str
    feature: str
    quantity: Any = 1
    subscription: str = ""
    properties: dict[str, str] = {}


_decode = msgspec.json.Decoder(Question, float_hook=parse_number).decode


class CheckView(ApiView[Any]):
    """
    Answer at once whether a quantity of a feature may be used; the customer's own product calls it before each use.
    """

    @post(
        "check_entitlement",
        "May this customer use this feature?",
        scope="read",
        request=REQUEST,
        response=OpenApiTypes.OBJECT,
        refusals={UnknownCustomer: "not-found", UnknownFeature: "not-found"},
    )
    def check(self, request: Request) -> HttpResponse:
        question = _read_question(request._request.body)
        at = current_time_by_external_id(question.customer, sandbox=self.caller.sandbox)
        answer = check(
            customer=question.customer,
            feature=question.feature,
            quantity=question.quantity,
            sandbox=self.caller.sandbox,
            at=at,
            subscription=question.subscription,
            properties=question.properties,
        )
        payload = msgspec.json.encode(answer_payload(answer, at=at, quantity=question.quantity))
        return HttpResponse(payload, content_type="application/json")


def _read_question(body: bytes) -> Question:
    try:
        question = _decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise invalid_field("body", str(error)) from error
    quantity = to_exact_number(question.quantity)
    if quantity is None or (isinstance(quantity, int) and not is_within_bounds(quantity)):
        raise invalid_field("quantity", f"must be a number of at most {MAX_DIGITS} digits")
    if quantity < 0:
        raise invalid_field("quantity", f"{quantity} is negative; send zero or more")
    texts = [
        question.customer,
        question.feature,
        question.subscription,
        *question.properties,
        *question.properties.values(),
    ]
    if any("\0" in text for text in texts):
        raise invalid_field("customer", "text must not contain the character U+0000")
    return msgspec.structs.replace(question, quantity=Decimal(quantity))
