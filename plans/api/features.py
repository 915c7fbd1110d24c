"""Features over HTTP: read-only, since they are edited in the admin, like prices."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from plans.models import Feature


class FeatureSerializer(serializers.ModelSerializer[Feature]):
    """
    Something that a customer may use. Its allowance and price belong to the versions of the plans that grant it.
    """

    meter = serializers.CharField(source="meter.code", allow_null=True, default=None, help_text="Of metered ones.")
    unit = serializers.CharField(source="meter.unit", allow_null=True, default=None)

    class Meta:
        model = Feature
        fields = ["code", "name", "kind", "meter", "unit", "when_unreachable"]
        read_only_fields = fields


class FeaturesView(generics.ListAPIView[Feature]):
    """The list of features."""

    required_scopes = {"GET": "read"}
    queryset = Feature.objects.select_related("meter")
    serializer_class = FeatureSerializer

    @extend_schema(operation_id="list_features", summary="List features, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class FeatureView(generics.RetrieveAPIView[Feature]):
    """One feature."""

    required_scopes = {"GET": "read"}
    queryset = Feature.objects.select_related("meter")
    serializer_class = FeatureSerializer
    lookup_field = "code"
    lookup_url_kwarg = "feature"

    @extend_schema(operation_id="get_feature", summary="Read a feature")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)
