"""The customer page."""

from django.contrib import admin

from billing.admin.customer_page.customer_page import CustomerAccount
from customers.admin.customers import CustomerAdmin
from customers.models import Customer


@admin.register(Customer)
class CustomerPage(CustomerAccount, CustomerAdmin):
    change_form_outer_before_template = "staff/customers/account.html"
    actions_detail = (
        *("subscribe", "draft_invoice", "portal_link"),
        {
            "title": "More",
            "icon": "more_horiz",
            "items": ["clone", "check_tax_number", "export_personal", "erase_personal"],
        },
    )
