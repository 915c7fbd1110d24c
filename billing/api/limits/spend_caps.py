"""Spend caps of a subscription, or of all of a customer's usage, over HTTP."""

from collections.abc import Callable
from typing import Any

from django.core.validators import MaxLengthValidator
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request

from billing.api.subscriptions.views import SubscriptionRows
from billing.limits.spend_caps import MAX_PER_MINUTE, MAX_VALUE_LENGTH, CapRefused, remove_cap, set_cap
from billing.models import SpendCap
from billing.models.price_overrides import CapAction, CapSetter
from customers.api.views import CustomerRows
from lib.api.field_rules import FieldRule, given, needs, only_if
from lib.api.fields import CurrencyField, RowSerializer, StrictFields
from lib.api.number_fields import NumberField
from lib.api.operations import delete, list_rows, post, read_row
from lib.field_types import MAX_MONEY
from plans.api.features import feature_named


class CapSerializer(RowSerializer[SpendCap]):
    """A limit on the cost of usage per period, and the action once it is reached."""

    feature = serializers.CharField(
        source="feature.code", default=None, allow_null=True, help_text="Null: all usage."
    )
    amount = NumberField(help_text="Before coupons and tax.")
    currency = serializers.CharField()

    class Meta:
        model = SpendCap
        fields = [
            *("id", "feature", "match", "amount", "currency", "action", "per_minute", "throttles_from", "set_by"),
            "created_at",
        ]


class NewCapSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """A spend cap to set; its validated data are the arguments of `set_cap`."""

    feature = serializers.CharField(max_length=64, required=False, help_text="A feature's code; default: all usage.")
    match = serializers.DictField(
        child=serializers.CharField(max_length=MAX_VALUE_LENGTH),
        validators=[MaxLengthValidator(1, "A spend cap can cover the value of one dimension only.")],
        required=False,
        help_text='A dimension and its value, such as {"api_key": "k-1"}, to cap only that usage.',
    )
    amount = NumberField(most=MAX_MONEY, help_text="In the subscription's currency, before coupons and tax.")
    currency = CurrencyField(required=False, help_text="For a customer's cap; default: the customer's currency.")
    action = serializers.ChoiceField(
        choices=CapAction.choices,
        required=False,
        help_text="Default: notify. `stop` and `throttle` affect checks and reservations; reported usage is always"
        " counted.",
    )
    per_minute = serializers.IntegerField(
        min_value=1, max_value=MAX_PER_MINUTE, required=False, help_text="Requests per minute that a throttle admits."
    )
    throttles_from = serializers.IntegerField(
        min_value=1,
        max_value=100,
        required=False,
        help_text="Percentage of the amount from which a throttle begins; default: 100.",
    )
    set_by = serializers.ChoiceField(choices=CapSetter.choices, required=False, help_text="Default: finance.")

    rules = (
        FieldRule(
            needs(given("action", CapAction.THROTTLE), "per_minute"), "per_minute", "A throttle needs its requests."
        ),
        FieldRule(
            only_if(given("action", CapAction.THROTTLE), "per_minute", "throttles_from"),
            "per_minute",
            "Only a throttle has requests per minute, and a percentage from which it begins.",
        ),
    )

    validate_feature = staticmethod(feature_named)


def set_spend_cap(operation_id: str, summary: str, description: str) -> Callable[..., HttpResponseBase]:
    """Return the operation that sets a cap of a subscription or customer."""

    @post(
        operation_id,
        summary,
        description,
        request=NewCapSerializer,
        status=201,
        refusals={CapRefused: ("invalid-fields", "refused")},
        examples={"All usage of a month": {"amount": "500.00", "action": "notify"}},
    )
    def set_on_owner(view: "SubscriptionCaps | CustomerCaps", request: Request, **names: str) -> SpendCap:
        fields = view.read_body()
        return set_cap(**{view.owner_kwarg: view.owner}, **fields, at=timezone.now())

    return set_on_owner


def remove_spend_cap(operation_id: str, summary: str, description: str) -> Callable[..., HttpResponseBase]:
    """Return the operation that removes a cap."""

    @delete(operation_id, summary, description)
    def remove(view: "SubscriptionCaps | CustomerCaps", request: Request, **names: str) -> None:
        remove_cap(cap=view.get_object(), at=timezone.now())

    return remove


class SubscriptionCaps(SubscriptionRows[SpendCap]):
    """Spend caps of one subscription."""

    queryset = SpendCap.objects.select_related("feature")
    serializer_class = CapSerializer
    lookup_url_kwarg = "number"

    list_all = list_rows(
        "list_spend_caps", "List a subscription's spend caps, newest first", "All caps of a subscription."
    )
    create = set_spend_cap(
        "set_spend_cap",
        "Set a spend cap on a subscription",
        "Caps all usage, one feature, or one value of a dimension, in each period. Replaces the cap that the"
        " same party has set for the same scope. Current usage shows the amount spent against it.",
    )

    read = read_row("get_spend_cap", "Read a spend cap", "One cap of a subscription.")
    remove = remove_spend_cap("remove_spend_cap", "Remove a spend cap", "One cap of a subscription.")


class CustomerCaps(CustomerRows[SpendCap]):
    """Spend caps of all usage of one customer."""

    queryset = SubscriptionCaps.queryset
    serializer_class = CapSerializer
    lookup_url_kwarg = "number"

    list_all = list_rows(
        "list_customer_spend_caps", "List a customer's spend caps, newest first", "All caps of a customer."
    )
    create = set_spend_cap(
        "set_customer_spend_cap",
        "Set a spend cap on a customer",
        "Like a subscription's cap, but on all of the customer's active subscriptions in one currency together.",
    )

    read = read_row("get_customer_spend_cap", "Read a customer's spend cap", "One cap of a customer.")
    remove = remove_spend_cap("remove_customer_spend_cap", "Remove a customer's spend cap", "One cap of a customer.")
