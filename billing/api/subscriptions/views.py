"""Subscriptions over HTTP."""

from typing import Any

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from rest_framework.request import Request

from billing import subscriptions
from billing.api.subscriptions.serializers import (
    NewSubscriptionSerializer,
    SubscriptionLabelsSerializer,
    SubscriptionSerializer,
)
from billing.models import Pause, Period, ScheduledChange, Subscription, SubscriptionQuantity
from billing.models.periods import PeriodKind
from billing.models.plan_changes import ChangeState
from billing.models.subscriptions import SubscriptionState
from customers.customer_time import (
    current_time,
    current_time_by_external_id,
    current_time_expression,
    customer_named_in,
)
from lib.api.labels import pop_labels
from lib.api.operations import list_rows, patch, post, read_row
from lib.api.views import ApiView, OwnedRows, Row
from lib.label_changes import set_labels


class Subscriptions(ApiView[Subscription]):
    """Subscriptions visible to the caller, each with its running period and its scheduled version."""

    queryset = Subscription.objects.select_related("customer__test_clock", "seller", "version__plan")
    sandbox_path = "customer__sandbox"
    serializer_class = SubscriptionSerializer
    lookup_field = "external_id"
    lookup_url_kwarg = "subscription"

    def get_queryset(self) -> QuerySet[Subscription]:
        """Return the subscriptions that the caller may see."""
        now: Any = timezone.now()
        if self.caller.sandbox:
            now = current_time_expression(now, "subscription__customer")
        running = Period.objects.containing(now).filter(kind=PeriodKind.REGULAR)
        pending = ScheduledChange.objects.filter(state=ChangeState.PENDING).select_related("version__plan")
        return (
            super()
            .get_queryset()
            .prefetch_related(
                Prefetch("periods", running, to_attr="running"),
                Prefetch("holdings", SubscriptionQuantity.objects.in_order(), to_attr="held"),
                Prefetch("changes", pending, to_attr="to_come"),
                Prefetch("pauses", Pause.objects.filter(state__in=("to_come", "running")), to_attr="paused"),
            )
        )

    list_all = list_rows(
        "list_subscriptions",
        "List subscriptions, newest first",
        "All subscriptions.",
        filters={"customer": "customer__external_id", "plan": "version__plan__code", "state": "state"},
        filter_choices={"state": SubscriptionState.values},
        labels="",
    )

    @post(
        "create_subscription",
        "Subscribe a customer to a plan",
        "Starts now, at a past time (everything due since then is billed) or at a future one. A `draft` has no"
        " effect until it is activated.",
        request=NewSubscriptionSerializer,
        status=201,
        refusals={
            subscriptions.FeatureAlreadyPriced: "conflict",
            subscriptions.CouponRefused: "conflict",
            subscriptions.SubscriptionRefused: "unprocessable",
        },
        examples={"From now on": {"id": "acme-pro", "customer": "acme", "plan": "pro"}},
    )
    def create(self, request: Request) -> Subscription:
        at = current_time_by_external_id(customer_named_in(request.data), sandbox=self.caller.sandbox)
        fields = self.read_body(at=at)
        labels = pop_labels(fields)
        create = subscriptions.draft if fields.pop("draft") else subscriptions.start
        with transaction.atomic():
            subscription = create(**fields, at=at)
            set_labels(subscription, **labels, at=at)
        return self.reload(subscription)

    read = read_row("get_subscription", "Read a subscription", "One subscription.")

    @patch(
        "update_subscription",
        "Change metadata and tags of a subscription",
        "Its plan, dates and terms change by operations of their own.",
        request=SubscriptionLabelsSerializer,
    )
    @transaction.atomic
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Subscription:
        subscription = self.lock_object()
        fields = self.read_serializer(subscription, partial=True).validated_data
        set_labels(subscription, **fields, at=current_time(subscription.customer))
        return self.reload(subscription)


class SubscriptionRows(OwnedRows[Row]):
    """Rows of one subscription that the caller may see."""

    owners = Subscription.objects.all()
    owner_kwarg = "subscription"
