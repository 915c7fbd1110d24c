"""GET /api/v1/month-end: the checklist of a seller's month, the totals of its invoices, and its lock."""

from datetime import date
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.metering.event_schemas import MONTH_END_ANSWER
from billing.closing.month_end import read_checklist
from billing.closing.month_end.month_lock import stored_points
from customers.models import Seller
from invoices.documents.locked_months import sum_documents
from invoices.models import MonthLock
from lib.api.operations import get
from lib.api.problems import Problem, invalid_field
from lib.api.views import ApiView


class MonthEndView(ApiView[Any]):
    """A month in the seller's time zone; for a locked month, the checklist as stored with the lock."""

    @get(
        "read_month_end",
        "What is still open of a month, and whether it is locked",
        parameters=(
            OpenApiParameter("seller", str, required=True, description="The seller's code."),
            OpenApiParameter("month", str, required=True, description="Such as 2026-01."),
        ),
        response=MONTH_END_ANSWER,
    )
    def read(self, request: Request) -> Response:
        month = _month(request.query_params.get("month", ""))
        code = request.query_params.get("seller", "")
        seller = Seller.objects.filter(code=code).first()
        if seller is None or self.caller.sandbox:
            raise Problem("not-found", f"There is no seller “{code}” with live documents.")
        lock = MonthLock.objects.filter(seller=seller, month=month, unlocked_at__isnull=True).first()
        return Response(
            {
                "seller": seller.code,
                "month": f"{month:%Y-%m}",
                "locked_at": lock.locked_at if lock else None,
                "checklist": lock.checklist if lock else stored_points(read_checklist(seller=seller, month=month)),
                "documents": lock.sums if lock else sum_documents(seller, month),
            }
        )


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise invalid_field("month", f"“{text}” is no month: write it like 2026-01.") from None
