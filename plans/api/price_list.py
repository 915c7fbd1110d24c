"""GET and PUT /api/v1/plans/{plan}/versions/{number}/price-list: a version's whole content as one document."""

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from lib.api.operations import get, put
from lib.api.problems import invalid_field
from plans.api.comparison import DifferenceSerializer
from plans.api.views import PlanVersions
from plans.models import PlanVersion
from plans.price_lists.json_format import item_from_document, to_document
from plans.price_lists.list_import import import_price_list
from plans.price_lists.version_items import ListRefused, read_items

CHANGES = inline_serializer("PriceListChanges", {"changes": DifferenceSerializer(many=True)})
DRY_RUN = OpenApiParameter("dry_run", bool, description="Only preview the changes.")


class PriceListView(PlanVersions):
    """The price list of a version, to export it and to import it into a draft."""

    @get(
        "get_price_list",
        "Read a version's price list",
        "The JSON that PUT accepts. Numbers are text, so that no digit is lost.",
        response=OpenApiTypes.OBJECT,
    )
    def export(self, request: Request, plan: str, number: int) -> Response:
        return Response(to_document(read_items(get_object_or_404(self.get_queryset(), number=number))))

    @put(
        "put_price_list",
        "Replace a draft's price list",
        "The draft then contains exactly the price list, or is unchanged if any part is invalid. Omitted fields"
        " get their default. The draft is reviewed and published in the admin.",
        parameters=(DRY_RUN,),
        request=OpenApiTypes.OBJECT,
        response=CHANGES,
    )
    def import_list(self, request: Request, plan: str, number: int) -> Response:
        # A live key sees no drafts, but may import into one.
        versions = PlanVersion.objects.filter(plan=self.owner).select_related("plan")
        version = get_object_or_404(versions, number=number)
        if not version.is_editable:
            state = version.get_state_display() if version.tried_at is None else "used in the sandbox"
            detail = f"{version} is {state}; create a new version from it and send the price list there."
            raise invalid_field("version", detail, "no_draft")
        dry_run = request.query_params.get("dry_run", "").lower() in ("1", "true", "yes")
        try:
            item = item_from_document(request.data)
            changes = import_price_list(item, version=version, by=None, at=timezone.now(), dry_run=dry_run)
        except ListRefused as refusal:
            raise _refused(refusal) from refusal
        return Response({"changes": DifferenceSerializer(changes, many=True).data})


def _refused(refusal: ListRefused) -> serializers.ValidationError:
    """Return a validation error that names each field by its path in the document."""
    errors_by_path: dict[str, list[serializers.ErrorDetail]] = {}
    for problem in refusal.problems:
        name = ".".join(filter(None, [str(problem.row).strip("/").replace("/", "."), problem.column])) or "price_list"
        errors_by_path.setdefault(name, []).append(serializers.ErrorDetail(problem.text, "invalid"))
    return serializers.ValidationError(errors_by_path)
