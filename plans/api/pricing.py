"""GET /api/v1/pricing: the public plans with their prices in one currency, and the prices that are scheduled."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from lib.api.fields import CURRENCY_CODES
from lib.api.operations import get
from lib.api.problems import invalid_field
from lib.api.views import ApiView
from plans.api.serializers import VersionSerializer
from plans.api.views import with_prices
from plans.catalog.pricing_table import PricingTable, PublicOffer, read_pricing_table
from plans.models import Plan, PlanVersion

MAX_CODES = 100


class PublicOfferSerializer(serializers.Serializer[PublicOffer]):
    """A public plan."""

    code = serializers.CharField(source="version.plan.code")
    name = serializers.CharField(source="version.plan.name")
    description = serializers.CharField(source="version.plan.description")
    version = VersionSerializer(help_text="The version that a subscription starting now would get.")
    upcoming = serializers.SerializerMethodField(help_text="The next scheduled version; null if there is none.")

    @extend_schema_field(VersionSerializer(allow_null=True))
    def get_upcoming(self, offer: PublicOffer) -> Any:
        """Return the next version."""
        return None if offer.upcoming is None else VersionSerializer(offer.upcoming).data


class PricingTableSerializer(serializers.Serializer[PricingTable]):
    """The public plans in one currency."""

    currency = serializers.CharField()
    currencies = serializers.ListField(
        child=serializers.CharField(), help_text="All currencies of the public plans that were asked for."
    )
    plans = PublicOfferSerializer(many=True, source="offers")


class PricingView(ApiView[Plan]):
    """The pricing table: the plans that are marked as public."""

    queryset = Plan.objects.filter(is_public=True)

    @get(
        "get_pricing",
        "Read the public pricing table",
        "The public plans with the prices in force and the next ones, in one currency and in credits, the lowest fee"
        " first. The seller's page `/pricing/{seller}` shows the same as HTML.",
        parameters=(
            OpenApiParameter("currency", str, required=True, enum=CURRENCY_CODES),
            OpenApiParameter("plan", str, many=True, description="Codes of the plans, in the order to return."),
        ),
        response=PricingTableSerializer,
    )
    def read(self, request: Request) -> Response:
        currency, codes = request.query_params.get("currency", ""), request.query_params.getlist("plan")
        if currency not in CURRENCY_CODES:
            raise invalid_field("currency", "Name an ISO 4217 currency, such as USD.", "invalid_choice")
        if len(codes) > MAX_CODES:
            raise invalid_field("plan", f"{len(codes)} plans are named; {MAX_CODES} are allowed.", "max_length")
        versions = with_prices(PlanVersion.objects.all(), currency=currency)
        table = read_pricing_table(currency=currency, at=timezone.now(), plans=codes, versions=versions)
        return Response(PricingTableSerializer(table).data)
