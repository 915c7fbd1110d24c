"""Plans over HTTP: read-only, since prices are edited and reviewed in the admin."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from plans.api.serializers import PlanSerializer, VersionSerializer
from plans.models import Commitment, Fee, IncludedCredits, Plan, PlanFeature, PlanVersion, Rate


def with_prices(versions: QuerySet[PlanVersion]) -> QuerySet[PlanVersion]:
    """Return the versions with everything that their serializer reads, in a fixed number of queries."""
    rates = Rate.objects.order_by("position", "id").prefetch_related("tiers")
    features = PlanFeature.objects.select_related("feature__meter").order_by("position", "id")
    return versions.select_related("plan").prefetch_related(
        Prefetch("fees", Fee.objects.order_by("position", "id")),
        Prefetch("commitments", Commitment.objects.order_by("currency")),
        Prefetch("included_credits", IncludedCredits.objects.order_by("code", "unit")),
        Prefetch("features", features.prefetch_related(Prefetch("prices__rates", rates))),
    )


def visible(versions: QuerySet[PlanVersion], *, sandbox: bool) -> QuerySet[PlanVersion]:
    """Return the versions that a caller may see: published ones; in the sandbox also drafts."""
    return versions if sandbox else versions.published()


class Plans(generics.GenericAPIView[Plan]):
    """Plans, each with its version in force."""

    serializer_class = PlanSerializer
    lookup_field = "code"
    lookup_url_kwarg = "plan"

    def get_queryset(self) -> QuerySet[Plan]:
        """Return the plans."""
        in_force = with_prices(PlanVersion.objects.in_force(timezone.now()))
        return Plan.objects.prefetch_related(Prefetch("versions", in_force, to_attr="in_force"))


class PlansView(Plans, generics.ListAPIView[Plan]):
    """The list of plans."""

    required_scopes = {"GET": "read"}

    @extend_schema(operation_id="list_plans", summary="List plans with their prices, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class PlanView(Plans, generics.RetrieveAPIView[Plan]):
    """One plan."""

    required_scopes = {"GET": "read"}

    @extend_schema(operation_id="get_plan", summary="Read a plan with its prices in force")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class Versions(generics.GenericAPIView[PlanVersion]):
    """The versions of the plan in the URL."""

    serializer_class = VersionSerializer
    lookup_field = "number"

    def get_queryset(self) -> QuerySet[PlanVersion]:
        """Return the versions that the caller may see."""
        plan = generics.get_object_or_404(Plan, code=self.kwargs["plan"])
        sandbox = self.request.user.sandbox
        return with_prices(visible(PlanVersion.objects.filter(plan=plan), sandbox=sandbox))


class VersionsView(Versions, generics.ListAPIView[PlanVersion]):
    """The versions of a plan, past, present and scheduled."""

    required_scopes = {"GET": "read"}

    @extend_schema(operation_id="list_plan_versions", summary="List a plan's versions, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class VersionView(Versions, generics.RetrieveAPIView[PlanVersion]):
    """One version of a plan."""

    required_scopes = {"GET": "read"}

    @extend_schema(operation_id="get_plan_version", summary="Read one version of a plan")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)
