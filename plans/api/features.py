"""Features over HTTP: read-only, since they are edited in the admin, like prices."""

from rest_framework import serializers

from lib.api.fields import RowSerializer
from lib.api.operations import list_rows, read_row
from lib.api.views import ApiView
from plans.models import Feature


class FeatureSerializer(RowSerializer[Feature]):
    """
    Something that a customer may use. Its allowance and price belong to the versions of the plans that grant it.
    """

    meter = serializers.CharField(
        source="meter.code", allow_null=True, default=None, help_text="For metered features."
    )
    unit = serializers.CharField(source="meter.unit", allow_null=True, default=None)

    class Meta:
        model = Feature
        fields = ["code", "name", "kind", "meter", "unit", "when_unreachable"]


class Features(ApiView[Feature]):
    """All features."""

    queryset = Feature.objects.select_related("meter")
    serializer_class = FeatureSerializer
    lookup_field = "code"
    lookup_url_kwarg = "feature"

    list_all = list_rows("list_features", "List features, newest first", "The list of features.")
    read = read_row("get_feature", "Read a feature", "One feature.")


def feature_named(code: str) -> Feature:
    """
    Return the feature.

    :raises serializers.ValidationError: if there is no such feature.
    """
    feature = Feature.objects.filter(code=code).first()
    if feature is None:
        raise serializers.ValidationError([serializers.ErrorDetail(f"There is no feature “{code}”.", "unknown")])
    return feature
