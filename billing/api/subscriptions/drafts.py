"""Drafts of subscriptions over HTTP: replaced, activated, discarded."""

from typing import Any

from django.db import transaction
from rest_framework import serializers
from rest_framework.request import Request

from billing import subscriptions
from billing.api.subscriptions.serializers import NewSubscriptionSerializer
from billing.api.subscriptions.views import Subscriptions
from billing.models import Subscription
from customers.customer_time import current_time
from lib.api.fields import InstantField, StrictFields
from lib.api.labels import pop_labels
from lib.api.operations import delete, post, put
from lib.label_changes import set_labels

DRAFT_REFUSALS = {subscriptions.SubscriptionRefused: "conflict"}


class ActivationSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The start of the subscription."""

    starts_at = InstantField(required=False, help_text="Default: the draft's start.")


class Drafts(Subscriptions):
    """Drafts of subscriptions."""

    @post(
        "activate_subscription",
        "Activate a draft",
        "The subscription starts at the draft's start or at another time, past or future.",
        request=ActivationSerializer,
        refusals=DRAFT_REFUSALS,
        examples={"On a date": {"starts_at": "2099-01-01T00:00:00Z"}},
    )
    def activate(self, request: Request, subscription: str) -> Subscription:
        fields, draft = self.read_body(), self.get_object()
        subscriptions.activate(subscription=draft, at=current_time(draft.customer), **fields)
        return self.reload(draft)

    @put(
        "replace_draft",
        "Replace a draft",
        "The body is that of a new subscription.",
        request=NewSubscriptionSerializer,
        refusals=DRAFT_REFUSALS,
    )
    @transaction.atomic
    def replace(self, request: Request, subscription: str) -> Subscription:
        draft = self.get_object()
        at = current_time(draft.customer)
        fields = self.read_body(at=at)
        fields.pop("draft")
        labels = pop_labels(fields)
        subscriptions.draft(**fields, at=at, replaced_draft=draft)
        set_labels(draft, **labels, at=at)
        return self.reload(draft)

    @delete("discard_draft", "Discard a draft", "Deletes a drafted subscription.", refusals=DRAFT_REFUSALS)
    def discard(self, request: Request, subscription: str) -> None:
        draft = self.get_object()
        subscriptions.discard(subscription=draft, at=current_time(draft.customer))
