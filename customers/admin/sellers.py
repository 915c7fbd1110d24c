"""The legal entities that issue documents."""

from typing import Any

from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminColorInputWidget

from customers.admin.parties import ADDRESS, LANGUAGE, PartyForm
from customers.models import Seller


class SellerForm(PartyForm):
    class Meta:
        model = Seller
        exclude = ()
        widgets = {"brand_color": UnfoldAdminColorInputWidget()}


class SellerAdmin(ModelAdmin):
    """Registered by invoices, which adds what is done about those that are not paid."""

    form = SellerForm
    list_display = ("legal_name", "code", "country", "currency", "grace", "net_days")
    search_fields = ("legal_name", "code")
    ordering = ("legal_name",)
    prepopulated_fields = {"code": ("legal_name",)}
    fieldsets = (
        (None, {"fields": ("legal_name", "code", "currency", "tax_number")}),
        ("Address, as documents show it", {"fields": ADDRESS}),
        ("Language and time", {"fields": LANGUAGE}),
        ("Rules for invoices", {"fields": ("net_days", "grace", "zero_invoices", "late_usage")}),
        ("Revenue of prepaid value", {"fields": ("breakage", "breakage_percent")}),
        ("On the document", {"fields": ("bank_details", "footer", "brand_color")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Seller | None = None) -> tuple[str, ...]:
        return ("code",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Seller | None = None) -> dict[str, Any]:
        return {} if obj else super().get_prepopulated_fields(request, obj)
