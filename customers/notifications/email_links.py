"""The button of an email: a page of the portal where its reader can act."""

from typing import NamedTuple

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from customers.notifications.announcement import Facts


class Page(NamedTuple):
    """A page of the portal. row: the fact that holds the id of its row; empty if it has none."""

    label: Promise
    name: str
    row: str = ""


VIEW_INVOICE = Page(_("View invoice"), "portal_invoice", "invoice")
PAY = Page(_("Pay now"), "portal_pay", "invoice")
TOP_UP = Page(_("Top up"), "portal_top_up", "wallet")
VIEW_WALLET = Page(_("View wallet"), "portal_wallet", "wallet")
VIEW_PLAN = Page(_("View plan"), "portal_plan")
VIEW_USAGE = Page(_("View usage"), "portal_usage")

PAGES = {
    "invoice.explained": VIEW_INVOICE,
    "invoice.issued": VIEW_INVOICE,
    "invoice.overdue": PAY,
    "invoice.paid": VIEW_INVOICE,
    "invoice.reminder": PAY,
    "migration.announced": VIEW_PLAN,
    "payment.failed": PAY,
    "payment.succeeded": VIEW_INVOICE,
    "payment.taken_back": PAY,
    "refund.failed": Page(_("View balance"), "portal_invoices"),
    "subscription.canceled": VIEW_PLAN,
    "topup.failed": TOP_UP,
    "topup.paid": VIEW_INVOICE,
    "topup.switched_off": Page(_("Manage automatic top-up"), "portal_auto_top_up", "wallet"),
    "wallet.expired": VIEW_WALLET,
    "wallet.granted": VIEW_WALLET,
}


class Button(NamedTuple):
    label: str
    url: str


def button_of(kind: str, facts: Facts, *, portal: str) -> Button | None:
    """
    Return the button of an email to a contact; None without a page for it, or without a public URL.

    portal: the origin of the seller's portal; empty without a public URL.
    """
    page = TOP_UP if facts.get("remedy") == "top_up" else VIEW_USAGE if kind == "alert.fired" else PAGES.get(kind)
    row = facts.get(page.row) if page is not None and page.row else None
    if page is None or not portal or (page.row and not row):
        return None
    return Button(str(page.label), portal + reverse(page.name, args=[row] if row else []))
