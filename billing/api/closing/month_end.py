"""GET /api/v1/month-end: the checklist of a seller's month, the totals of its invoices, and its lock."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from billing.revenue.month_end import read_checklist
from billing.revenue.month_end.month_lock import stored_points
from customers.models import Seller
from invoices.documents.locked_months import sum_documents
from invoices.models import DocumentKind, MonthLock
from lib.api.fields import InstantField
from lib.api.filters import MONTH_SCHEMA, read_month
from lib.api.operations import get
from lib.api.problems import Problem
from lib.api.views import ApiView


class PointAmountSerializer(serializers.Serializer[dict[str, str]]):
    """An amount of a point of the checklist."""

    amount = serializers.CharField()
    currency = serializers.CharField()


class PointSerializer(serializers.Serializer[dict[str, Any]]):
    """One point of the checklist."""

    code = serializers.CharField(help_text="Code of the condition, such as periods_open.")
    count = serializers.IntegerField(help_text="Number of open items; 1,001 means more than a thousand.")
    blocks = serializers.BooleanField(help_text="Whether any of them prevents locking the month.")
    amounts = PointAmountSerializer(many=True, help_text="Sums by currency, where known.")


class DocumentSumSerializer(serializers.Serializer[dict[str, Any]]):
    """The totals of the documents of one kind and currency."""

    kind = serializers.ChoiceField(choices=[DocumentKind.INVOICE.value, DocumentKind.CREDIT_NOTE.value])
    currency = serializers.CharField()
    documents = serializers.IntegerField()
    net = serializers.CharField()
    tax = serializers.CharField()
    total = serializers.CharField()


class MonthEndSerializer(serializers.Serializer[dict[str, Any]]):
    """A month of a seller."""

    seller = serializers.CharField()
    month = serializers.CharField(help_text="In the seller's time zone, such as 2026-01.")
    locked_at = InstantField(allow_null=True)
    checklist = PointSerializer(many=True, help_text="For a locked month, the checklist at the time of the lock.")
    documents = DocumentSumSerializer(many=True, help_text="Live invoices and credit notes dated in the month.")


class MonthEndView(ApiView[Any]):
    """A month in the seller's time zone; for a locked month, the checklist as stored with the lock."""

    @get(
        "read_month_end",
        "Read a month's checklist and lock",
        parameters=(
            OpenApiParameter("seller", str, required=True, description="The seller's code."),
            OpenApiParameter("month", MONTH_SCHEMA, required=True, description="For example, 2026-01."),
        ),
        response=MonthEndSerializer,
        problems=("not-found",),
    )
    def read(self, request: Request) -> dict[str, Any]:
        month = read_month("month", request.query_params.get("month", ""))
        code = request.query_params.get("seller", "")
        seller = Seller.objects.filter(code=code).first()
        if seller is None or self.caller.sandbox:
            raise Problem("not-found", f"No seller “{code}” has live invoices.")
        lock = MonthLock.objects.filter(seller=seller, month=month, unlocked_at__isnull=True).first()
        return {
            "seller": seller.code,
            "month": f"{month:%Y-%m}",
            "locked_at": lock.locked_at if lock else None,
            "checklist": lock.checklist if lock else stored_points(read_checklist(seller=seller, month=month)),
            "documents": lock.sums if lock else sum_documents(seller, month),
        }
