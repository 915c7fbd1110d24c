"""Plans over HTTP: read-only, since prices are edited and reviewed in the admin."""

from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from lib.api.operations import list_rows, read_row
from lib.api.views import ApiView, OwnedRows
from lib.currencies import CREDITS
from plans.api.serializers import PlanSerializer, VersionSerializer
from plans.models import Commitment, Fee, IncludedCredits, Plan, PlanFeature, PlanVersion, Price, Rate
from plans.models.versions import PlanVersionQuerySet


def with_prices(versions: PlanVersionQuerySet, *, currency: str = "") -> PlanVersionQuerySet:
    """
    Return the versions with everything that their serializer reads, in a fixed number of queries.

    currency: the only one whose prices are read, with those in credits; empty for all.
    """
    in_currency = Q(currency=currency) if currency else Q()
    in_unit = Q(unit__in=["credits", currency]) if currency else Q()
    in_price_unit = Q(currency__in=[currency, CREDITS]) if currency else Q()
    rates = Rate.objects.order_by("position", "id").prefetch_related("tiers")
    prices = Price.objects.filter(in_price_unit).prefetch_related(Prefetch("rates", rates))
    features = PlanFeature.objects.select_related("feature__meter").order_by("position", "id")
    return versions.select_related("plan").prefetch_related(
        Prefetch("fees", Fee.objects.filter(in_currency).order_by("position", "id")),
        Prefetch("commitments", Commitment.objects.filter(in_currency).order_by("currency")),
        Prefetch("included_credits", IncludedCredits.objects.filter(in_unit).order_by("code", "unit")),
        Prefetch("features", features.prefetch_related(Prefetch("prices", prices), "usage_limits")),
    )


class Plans(ApiView[Plan]):
    """Plans, each with its version in force."""

    queryset = Plan.objects.all()
    serializer_class = PlanSerializer
    lookup_field = "code"
    lookup_url_kwarg = "plan"

    def get_queryset(self) -> QuerySet[Plan]:
        """Return the plans."""
        in_force = with_prices(PlanVersion.objects.in_force(timezone.now()))
        return super().get_queryset().prefetch_related(Prefetch("versions", in_force, to_attr="in_force"))

    list_all = list_rows("list_plans", "List plans with their prices, newest first", "The list of plans.")
    read = read_row("get_plan", "Read a plan with its prices in force", "One plan.")


class PlanVersions(OwnedRows[PlanVersion]):
    """The versions of the plan in the URL that the caller may see: published ones; in the sandbox also drafts."""

    queryset = PlanVersion.objects.select_related("plan")
    serializer_class = VersionSerializer
    lookup_field = "number"
    owners = Plan.objects.all()
    owner_kwarg = "plan"
    owner_field = "code"
    owner_sandbox_path = ""

    def get_queryset(self) -> PlanVersionQuerySet:
        """Return the visible versions."""
        versions: Any = super().get_queryset()
        visible: PlanVersionQuerySet = versions if self.caller.sandbox else versions.published()
        return visible


class Versions(PlanVersions):
    """The versions of a plan with their prices."""

    def get_queryset(self) -> PlanVersionQuerySet:
        """Return the visible versions with their prices."""
        return with_prices(super().get_queryset())

    list_all = list_rows(
        "list_plan_versions",
        "List a plan's versions, newest first",
        "The versions of a plan, past, present and scheduled.",
    )

    read = read_row("get_plan_version", "Read one version of a plan", "One version of a plan.")
