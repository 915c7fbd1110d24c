"""The pages of sellers: the legal entities that issue invoices."""

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from customers.admin.brand import SellerForm
from customers.admin.parties import LANGUAGE
from customers.brand.logos import store_logo
from customers.models import Seller
from lib.admin import StaffAdmin

# One field per row, since the preview is next to them.
PLACE = ("address_line1", "address_line2", "postal_code", "city", "region", "country", "email")
LOOK = ("logo_file", "removes_logo", "brand_color", "accent_color", "paper", "notes", "footer")
PAYING = ("payment_terms", "account_holder", "iban", "bic", "bank_details")
CONTENT = ("shows_usage", "shows_wallets", "e_invoices")


class SellerAdmin(StaffAdmin):
    """Registered by wallets, which may import the app that renders invoices: see invoices/admin/sellers.py."""

    seller_paths = ("id",)
    form = SellerForm
    empty_text = _("A seller is the legal entity that issues invoices. Add one to begin.")
    list_display = ("legal_name", "code", "country", "currency", "grace", "net_days")
    search_fields = ("legal_name", "code")
    ordering = ("legal_name",)
    prepopulated_fields = {"code": ("legal_name",)}
    fixed_fields = ("code",)
    fieldsets = (
        (None, {"fields": ("legal_name", "code", "currency", "tax_number", "company_number")}),
        (_("Address on invoices"), {"fields": PLACE}),
        (_("Language and time zone"), {"fields": LANGUAGE}),
        (_("Invoicing"), {"fields": ("net_days", "grace", "zero_invoices", "late_usage")}),
        (_("Revenue"), {"fields": ("discounts_apart_from", "reverses_tax_on_bad_debt")}),
        (_("Invoice design"), {"fields": LOOK}),
        (_("Payment details"), {"fields": PAYING}),
        (_("Customer portal"), {"fields": ("portal_host", "no_usage_text")}),
        (_("Invoice content"), {"fields": CONTENT}),
        (_("Embedding"), {"fields": ("frame_ancestors",)}),
    )

    def save_model(self, request: HttpRequest, obj: Seller, form: "forms.ModelForm[Seller]", change: bool) -> None:
        if isinstance(form, SellerForm):
            logo = form.chosen_logo()
            obj.logo = None if logo is None else store_logo(logo)
        super().save_model(request, obj, form, change)
