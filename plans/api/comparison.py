"""GET /api/v1/plans/{plan}/versions/{number}/diff: the differences from another version."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request

from lib.api.number_fields import NumberField
from lib.api.operations import get
from lib.api.problems import invalid_field
from plans.api.views import PlanVersions
from plans.catalog.comparison import compare
from plans.catalog.version_snapshot import read_contents
from plans.models import PlanVersion

KINDS = ["changed", "added", "removed", "ordered"]


class DifferenceSerializer(serializers.Serializer[Any]):
    """One difference. `after` or `before` has the content of a row that was added or removed."""

    kind = serializers.ChoiceField(KINDS, help_text="`ordered`: the same rows in another order.")
    path = serializers.ListField(
        child=serializers.CharField(), help_text="Location of the difference, from the feature or fee inwards."
    )
    label = serializers.CharField(  # type: ignore[assignment]  # a field, which the metaclass takes off
        help_text="The fact that changed, or the kind of row that was added or removed."
    )
    field = serializers.CharField(help_text="The changed field's name; empty otherwise.")
    before = serializers.CharField()
    after = serializers.CharField()
    percent = NumberField(allow_null=True, help_text="Change in percent, for numbers.")
    text = serializers.CharField(help_text="The difference as a sentence.")


class ComparisonSerializer(serializers.Serializer[Any]):
    """The differences between two versions of a plan."""

    plan = serializers.CharField()
    version = serializers.IntegerField()
    against = serializers.IntegerField()
    differences = DifferenceSerializer(many=True)


AGAINST = OpenApiParameter(
    "against",
    int,
    description="The version to compare with. Default: the one that this version was copied from, or else the"
    " one in force.",
)


class ComparisonView(PlanVersions):
    """Two versions of a plan, compared."""

    queryset = PlanVersion.objects.select_related("plan", "copied_from")

    @get(
        "compare_plan_versions",
        "Compare a version with another one",
        response=ComparisonSerializer,
        parameters=(AGAINST,),
    )
    def compare(self, request: Request, plan: str, number: int) -> dict[str, Any]:
        version = get_object_or_404(self.get_queryset(), number=number)
        against = self._against(version)
        return {
            "plan": plan,
            "version": version.number,
            "against": against.number,
            "differences": compare(*read_contents(against, version)),
        }

    def _against(self, version: PlanVersion) -> PlanVersion:
        versions, number_text = self.get_queryset(), self.request.query_params.get("against")
        if number_text is None:
            other_version = versions.compared_with(version, at=timezone.now())
        else:
            is_number = number_text.isdecimal() and number_text.isascii() and len(number_text) < 10
            other_version = versions.filter(number=int(number_text)).first() if is_number else None
        if other_version is None:
            message = (
                f"{version.plan.code} has no version {number_text}."
                if number_text
                else f"{version} is the plan's first version."
            )
            raise invalid_field("against", message, "unknown")
        return other_version
