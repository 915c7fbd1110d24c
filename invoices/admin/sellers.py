"""A seller's page, with what is done about its unpaid invoices."""

from django.contrib import admin

from customers.admin.sellers import SellerAdmin
from customers.models import Seller
from invoices.admin.payments import DunningInline


@admin.register(Seller)
class DunningSellerAdmin(SellerAdmin):
    inlines = (DunningInline,)
