"""The seller page."""

from django.contrib import admin

from customers.admin.sellers import SellerAdmin
from customers.models import Seller
from invoices.admin.payments import DunningInline
from invoices.admin.sellers import SellerSample
from wallets.admin.seller_page import SellerSampleWallet


@admin.register(Seller)
class SellerPage(SellerSampleWallet, SellerSample, SellerAdmin):
    actions_detail = ("sample_pdf",)
    inlines = (DunningInline,)
    change_form_outer_after_template = "staff/customers/seller_preview.html"
