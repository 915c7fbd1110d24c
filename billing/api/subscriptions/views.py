"""Subscriptions over HTTP."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from billing import subscriptions
from billing.api.subscriptions.serializers import NewSubscriptionSerializer, SubscriptionSerializer
from billing.models import Pause, Period, ScheduledChange, Subscription, SubscriptionQuantity
from billing.models.periods import PeriodKind
from billing.models.plan_changes import ChangeState
from billing.models.subscriptions import SubscriptionState
from customers.api_keys.idempotency import idempotent
from customers.customer_time import current_time_by_external_id, current_time_expression, customer_named_in
from lib.api.isolation import SandboxIsolation
from lib.api.problems import Problem

EXAMPLE = OpenApiExample("From now on", {"id": "acme-pro", "customer": "acme", "plan": "pro"}, request_only=True)


class Subscriptions(SandboxIsolation, generics.GenericAPIView[Subscription]):
    """Subscriptions visible to the caller, each with its running period and its scheduled version."""

    sandbox_path = "customer__sandbox"
    serializer_class = SubscriptionSerializer
    lookup_field = "external_id"
    lookup_url_kwarg = "subscription"

    def get_queryset(self) -> QuerySet[Subscription]:
        """Return the subscriptions that the caller may see."""
        now: Any = timezone.now()
        if self.request.user.sandbox:
            now = current_time_expression(now, "subscription__customer")
        running = Period.objects.containing(now).filter(kind=PeriodKind.REGULAR)
        pending = ScheduledChange.objects.filter(state=ChangeState.PENDING).select_related("version__plan")
        self.queryset = Subscription.objects.select_related("customer__test_clock", "version__plan").prefetch_related(
            Prefetch("periods", running, to_attr="running"),
            Prefetch("holdings", SubscriptionQuantity.objects.in_order(), to_attr="held"),
            Prefetch("changes", pending, to_attr="to_come"),
            Prefetch("pauses", Pause.objects.filter(state__in=("to_come", "running")), to_attr="paused"),
        )
        return super().get_queryset()

    def shown(self, subscription: Subscription) -> Any:
        """Return the payload of a subscription as it is stored now."""
        return SubscriptionSerializer(self.get_queryset().get(pk=subscription.pk)).data


class SubscriptionsView(Subscriptions, generics.ListAPIView[Subscription]):
    """All subscriptions."""

    required_scopes = {"GET": "read", "POST": "manage"}
    problems = {"POST": ["conflict", "unprocessable"]}
    filters = {"customer": "customer__external_id", "plan": "version__plan__code", "state": "state"}
    filter_choices = {"state": SubscriptionState.values}

    @extend_schema(operation_id="list_subscriptions", summary="List subscriptions, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="create_subscription",
        summary="Subscribe a customer to a plan",
        description="From now, from a past moment (what was due since is billed) or from one to come. As a `draft` it"
        " has no effect until it is activated.",
        request=NewSubscriptionSerializer,
        responses={201: SubscriptionSerializer},
        examples=[EXAMPLE],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        at = current_time_by_external_id(customer_named_in(request.data), sandbox=request.user.sandbox)
        serializer = NewSubscriptionSerializer(data=request.data, context={"request": request, "at": at})
        serializer.is_valid(raise_exception=True)
        arguments = serializer.validated_data
        create = subscriptions.draft if arguments.pop("draft") else subscriptions.start
        try:
            subscription = create(**arguments, at=at)
        except (subscriptions.FeatureAlreadyPriced, subscriptions.CouponRefused) as error:
            raise Problem("conflict", str(error)) from error
        except subscriptions.SubscriptionRefused as error:
            raise Problem("unprocessable", str(error)) from error
        return Response(self.shown(subscription), status=status.HTTP_201_CREATED)


class SubscriptionView(Subscriptions, generics.RetrieveAPIView[Subscription]):
    """One subscription."""

    required_scopes = {"GET": "read"}

    @extend_schema(operation_id="get_subscription", summary="Read a subscription")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)
