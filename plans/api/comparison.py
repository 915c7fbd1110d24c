"""GET /api/v1/plans/{plan}/versions/{number}/diff: the differences from another version."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from lib.api.number_fields import NumberField
from plans.api.views import visible
from plans.catalog.comparison import VersionDifference, compare
from plans.catalog.version_snapshot import read_contents
from plans.models import Plan, PlanVersion
from plans.models.versions import PlanVersionQuerySet

KINDS = ["changed", "added", "removed", "ordered"]


class DifferenceSerializer(serializers.Serializer[VersionDifference]):
    """One difference. `after` or `before` has the content of a row that was added or removed."""

    kind = serializers.ChoiceField(KINDS, help_text="`ordered`: the same rows in another order.")
    path = serializers.ListField(child=serializers.CharField(), help_text="Where: from the feature or fee inwards.")
    label = serializers.CharField(help_text="The fact that changed, or the kind of row that was added or removed.")
    field = serializers.CharField(help_text="The changed field's name; empty otherwise.")
    before = serializers.CharField()
    after = serializers.CharField()
    percent = NumberField(allow_null=True, help_text="How much more it is, where both are figures.")
    text = serializers.CharField(help_text="The same in a sentence.")


class ComparisonSerializer(serializers.Serializer[Any]):
    """The differences between two versions of a plan."""

    plan = serializers.CharField()
    version = serializers.IntegerField()
    against = serializers.IntegerField()
    differences = DifferenceSerializer(many=True)


AGAINST = OpenApiParameter(
    "against",
    int,
    description="The version to compare with. Default: what this one was copied from, else the one in force.",
)


class ComparisonView(generics.GenericAPIView[PlanVersion]):
    """Two versions of a plan, compared."""

    required_scopes = {"GET": "read"}
    serializer_class = ComparisonSerializer

    @extend_schema(operation_id="compare_plan_versions", summary="Tell what a version changes", parameters=[AGAINST])
    def get(self, request: Request, plan: str, number: int) -> Response:
        plan_versions = PlanVersion.objects.filter(plan=generics.get_object_or_404(Plan, code=plan))
        versions = visible(plan_versions.select_related("plan", "copied_from"), sandbox=request.user.sandbox)
        version = generics.get_object_or_404(versions, number=number)
        against = self._against(versions, version)
        differences = compare(*read_contents(against, version))
        document = {
            "plan": plan,
            "version": version.number,
            "against": against.number,
            "differences": DifferenceSerializer(differences, many=True).data,
        }
        return Response(document)

    def _against(self, versions: PlanVersionQuerySet, version: PlanVersion) -> PlanVersion:
        number_text = self.request.query_params.get("against")
        if number_text is None:
            other_version = versions.compared_with(version, at=timezone.now())
        else:
            is_number = number_text.isdecimal() and number_text.isascii() and len(number_text) < 10
            other_version = versions.filter(number=int(number_text)).first() if is_number else None
        if other_version is None:
            message = (
                f"{version.plan.code} has no version {number_text}."
                if number_text
                else f"{version} is the first one."
            )
            raise serializers.ValidationError({"against": [serializers.ErrorDetail(message, "unknown")]})
        return other_version
