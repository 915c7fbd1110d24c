"""/api/v1/revenue/batches: accounting files, and the jobs that make them."""

from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.jobs import JobSerializer
from billing.jobs.progress import read_job_progress
from billing.models import ExportBatch, ExportFile
from billing.models.accounting_files import BatchState, Target
from billing.revenue.accounting_files.batches import BatchRefused, add_replacements, mark_imported
from billing.revenue.accounting_files.file_store import read_file
from billing.revenue.accounting_files.job import ExportRefused, start_export
from customers.models import Seller
from lib.api.fields import InstantField, StrictFields
from lib.api.filters import MONTH
from lib.api.number_fields import NumberField
from lib.api.operations import get, list_rows, post
from lib.api.problems import Problem, invalid_field
from lib.api.views import ApiView


class ExportFileSerializer(serializers.ModelSerializer[ExportFile]):
    """A file of a batch."""

    class Meta:
        model = ExportFile
        fields = ["number", "name", "size", "sha256"]


class BatchSerializer(serializers.ModelSerializer[ExportBatch]):
    """The files of a seller's month for one target, in one currency."""

    number = serializers.IntegerField(source="pk", read_only=True)
    seller = serializers.CharField(source="seller.code", read_only=True)
    month = serializers.DateField(format="%Y-%m")
    predecessor = serializers.IntegerField(
        source="predecessor_id",
        allow_null=True,
        read_only=True,
        help_text="The batch that this one brings up to date.",
    )
    replaced_by = serializers.IntegerField(
        allow_null=True,
        read_only=True,
        default=None,
        help_text="The final batch of the locked month that replaces a provisional one.",
    )
    made_at = InstantField(read_only=True)
    imported_at = InstantField(read_only=True, allow_null=True)
    files = ExportFileSerializer(many=True, read_only=True)

    class Meta:
        model = ExportBatch
        fields = [
            *("number", "label", "seller", "month", "target", "currency", "is_detailed", "state", "first_number"),
            *("entries", "predecessor", "replaced_by", "sha256", "made_at", "imported_at", "files"),
        ]


class BatchRequestSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The month whose files are made."""

    seller = serializers.CharField(help_text="The seller's code.")
    month = serializers.RegexField(MONTH, help_text="For example, 2026-01.")
    target = serializers.ChoiceField(Target.choices)
    is_provisional = serializers.BooleanField(
        required=False, default=False, help_text="Files of an open month, replaced by those of the locked month."
    )
    is_detailed = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="An entry for each source. Default: the target's."
    )
    exchange_rates = serializers.DictField(
        child=NumberField(positive=True, most=10**12, places=6),
        required=False,
        default=dict,
        help_text="Units for one of the seller's currency, by currency; for DATEV. Default: the stored rates.",
    )
    dry_run = serializers.BooleanField(required=False, default=False)


class Batches(ApiView[ExportBatch]):
    """Accounting files. Sandbox customers are in none of them."""

    queryset = (
        add_replacements(ExportBatch.objects.all())
        .defer("rows")
        .select_related("seller")
        .prefetch_related("files")
        .order_by("-pk")
    )
    serializer_class = BatchSerializer

    def get_object(self) -> ExportBatch:
        """
        Return the batch in the URL.

        :raises Problem: `not-found`, if the caller sees no such batch.
        """
        number = self.kwargs["number"]
        batch = self.get_queryset().filter(pk=number).first()
        if batch is None:
            raise Problem("not-found", f"There is no batch {number}.")
        return batch

    def get_queryset(self) -> QuerySet[ExportBatch]:
        """Return all batches to a live key, and none to a sandbox key."""
        batches = super().get_queryset()
        return batches.none() if self.caller.sandbox else batches

    list_all = list_rows(
        "list_batches",
        "List accounting files",
        scope="revenue:read",
        filters={"seller": "seller__code", "target": "target", "state": "state"},
        filter_choices={"target": Target.values, "state": BatchState.values},
    )

    @post(
        "make_batches",
        "Make accounting files",
        "Starts a job with one batch for each currency of the month. Read the job for its outcome.",
        scope="revenue:manage",
        request=BatchRequestSerializer,
        response=JobSerializer,
        status=201,
        refusals={ExportRefused: "conflict"},
    )
    def create(self, request: Request) -> Response:
        fields = self.read_body()
        seller = Seller.objects.filter(code=fields["seller"]).first()
        if seller is None or self.caller.sandbox:
            raise invalid_field("seller", f"There is no seller “{fields['seller']}”.")
        job = start_export(
            month=date.fromisoformat(f"{fields['month']}-01"),
            seller=seller,
            target=fields["target"],
            is_provisional=fields["is_provisional"],
            is_detailed=fields["is_detailed"],
            exchange_rates=fields["exchange_rates"],
            dry_run=fields["dry_run"],
            by=None,
            at=timezone.now(),
        )
        started = {"job": job, "progress": read_job_progress([job])[job.pk], "figures": {}}
        return Response(JobSerializer(started).data, status=201)

    @get("read_batch", "Read a batch of accounting files", scope="revenue:read")
    def read(self, request: Request, number: int) -> ExportBatch:
        return self.get_object()

    @post(
        "mark_batch_imported",
        "Mark accounting files as imported",
        "The mark is final; later changes of the month go into a batch with the difference.",
        scope="revenue:manage",
        refusals={BatchRefused: "conflict"},
    )
    def mark_imported(self, request: Request, number: int) -> ExportBatch:
        batch = self.get_object()
        mark_imported(batch_id=batch.pk, by=None, at=timezone.now())
        return self.reload(batch)

    @get(
        "download_accounting_file",
        "Download an accounting file",
        "The same bytes on every download; their SHA-256 is in the batch.",
        scope="revenue:read",
        response={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def download(self, request: Request, number: int, file: int) -> StreamingHttpResponse:
        row = ExportFile.objects.filter(batch=self.get_object(), number=file).first()
        if row is None:
            raise Problem("not-found", f"Batch {number} has no file {file}.")
        return StreamingHttpResponse(
            read_file(row),
            content_type="application/octet-stream",
            headers={"Content-Disposition": f'attachment; filename="{row.name}"', "Content-Length": str(row.size)},
        )
