"""
The pages that several apps share: each is registered here once, with its parts listed by name.

An app offers its part as a class on top of the model's own page, the lowest one in the list of bases. Parts don't
know each other; where two of them define a method, the one further left is asked first and may call `super()`.
"""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from billing.admin.closing.invoices import InvoiceOfPeriod
from billing.admin.customer_page.customer_list import CustomerList
from billing.admin.customer_page.customer_page import CustomerAccount
from billing.admin.metering.meters import MeterEvents
from billing.admin.metering.wallet_usage import WalletUsageLinks
from billing.admin.revenue import REVENUE_PAGES
from billing.admin.subscriptions.coupons import CouponRedemptions
from billing.admin.subscriptions.plan_versions import VersionSubscriptions
from config.admin_site.selection_export import ExportSelection
from customers.admin.customers import CustomerAdmin
from customers.admin.sellers import SellerAdmin
from customers.models import Customer, Seller
from invoices.admin.account_statement import CustomerStatement
from invoices.admin.invoices import InvoiceAdmin
from invoices.admin.payments import DunningInline
from invoices.admin.sellers import SellerSample
from invoices.models import Invoice
from plans.admin.catalog.coupons import CouponAdmin
from plans.admin.catalog.meters import MeterAdmin
from plans.admin.catalog.price_margins import VersionMargins
from plans.admin.versions.price_lists import VersionPriceList
from plans.admin.versions.price_sheet import VersionPriceSheet
from plans.admin.versions.version_page import PlanVersionAdmin
from plans.models import Coupon, Meter, PlanVersion
from wallets.admin.payments import InvoicePayments
from wallets.admin.seller_page import SellerSampleWallet
from wallets.admin.wallets import WalletAdmin
from wallets.models import Wallet


@admin.register(Coupon)
class CouponPage(CouponRedemptions, CouponAdmin):
    list_display = ("code", "name", "takes_off", "lasts", "redeemed_shown", "given", "state")
    actions_detail = ("archive",)


@admin.register(Customer)
class CustomerPage(CustomerList, CustomerAccount, CustomerStatement, CustomerAdmin):
    list_display = (
        *("legal_name", "external_id", "health_shown", "plans_shown", "due_shown", "last_invoice_shown"),
        *("tags_shown", "seller", "created_at"),
    )
    extra_columns = ("country", "currency", "owner")
    actions = (*("give_coupon_to_many", "migrate", "email_portal_links", "change_tags_of_many", "export_selection"),)
    export_selection = ExportSelection.as_action()
    shared_paths = ("subscriptions__seller", "wallets__seller", "invoices__seller")
    change_form_outer_before_template = "staff/customers/account.html"
    actions_detail = (
        *("subscribe", "draft_invoice", "portal_link"),
        {
            "title": _("More"),
            "icon": "more_horiz",
            "items": [
                *("account_statement", "give_coupon", "clone", "check_tax_number", "export_personal"),
                "erase_personal",
            ],
        },
    )


@admin.register(Invoice)
class InvoicePage(InvoiceOfPeriod, InvoicePayments, InvoiceAdmin):
    actions = ("send_many", "charge_many", "write_off_many", "make_files", "export_selection")
    export_selection = ExportSelection.as_action()
    primary_actions = ("issue_draft", "charge", "record_payment", "open_pdf")
    actions_detail = (
        *("issue_draft", "charge", "record_payment", "edit_draft", "send_again", "open_pdf"),
        {
            "title": _("More"),
            "icon": "more_horiz",
            "items": [
                *("credit", "void", "write_off", "regenerate", "take_back", "discard_draft", "render_again"),
                *("send_explanation", "add_note", "edit_labels"),
            ],
        },
    )


@admin.register(Meter)
class MeterPage(MeterEvents, MeterAdmin):
    change_form_outer_after_template = "staff/metering/meter_events.html"


@admin.register(PlanVersion)
class PlanVersionPage(VersionSubscriptions, VersionPriceSheet, VersionPriceList, VersionMargins, PlanVersionAdmin):
    list_display = ("name", "state_shown", "in_force", "interval", "running", "note")
    actions_detail = (
        {
            "title": _("Publish"),
            "icon": "publish",
            "variant": ActionVariant.PRIMARY,
            "items": ["publish_now", "publish_at"],
        },
        *("price_sheet", "new_version", "withdraw"),
        {"title": _("Review"), "icon": "query_stats", "items": ["what_changes", "price_list", "margins", "simulate"]},
    )


@admin.register(Seller)
class SellerPage(SellerSampleWallet, SellerSample, SellerAdmin):
    actions_detail = ("sample_pdf", "merchant_account")
    inlines = (DunningInline,)
    further_pages = (*SellerSample.further_pages, *REVENUE_PAGES)
    change_form_outer_after_template = "staff/customers/seller_preview.html"


@admin.register(Wallet)
class WalletPage(WalletUsageLinks, WalletAdmin):
    pass
