"""The permissions of a version's rows: its fees, features, commitments and the rest."""

from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from lib.admin import PermissionRules, StaffInline
from plans.admin.fields.row_order import OrderedFormSet
from plans.models import PlanVersion


def too_precise(currency: str, rounded: Decimal) -> str:
    """Return the error of an amount with more decimal places than its currency has."""
    text = _("%(currency)s has fewer decimal places. Enter %(amount)s or another amount.")
    return text % {"currency": currency, "amount": rounded}


class DraftRows(PermissionRules):
    """Rows of a version, which change only while it is a draft."""

    def is_editable(self, version: PlanVersion) -> bool:
        return version.is_editable


class OrderedDraftRows(DraftRows, StaffInline):
    """Rows of a version whose order is set by dragging."""

    formset = OrderedFormSet
    ordering = ("position", "pk")
    ordering_field: str | None = "position"
    hide_ordering_field = True

    def get_formset(self, request: HttpRequest, obj: PlanVersion | None = None, **kwargs: Any) -> Any:
        if obj is not None and not obj.is_editable:
            self.ordering_field = None  # nothing to drag
        return super().get_formset(request, obj, **kwargs)
