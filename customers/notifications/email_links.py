"""The button of an email, and its second link: pages of the portal where its reader can act."""

from collections.abc import Mapping
from typing import NamedTuple

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from customers.notifications.announcement import Facts
from lib.email_layout import Button


class Page(NamedTuple):
    """
    A page of the portal. row: the fact that holds the id of its row; empty if it has none.

    with_amount: the label if the amount due is known.
    """

    label: Promise
    name: str
    row: str = ""
    with_amount: Promise | None = None


VIEW_INVOICE = Page(_("View invoice"), "portal_invoice", "invoice")
PAY = Page(_("Pay now"), "portal_pay", "invoice", _("Pay %(due)s"))
PAY_ANOTHER_WAY = Page(_("Pay another way"), "portal_pay", "invoice")
UPDATE_METHOD = Page(_("Update payment method"), "portal_payment_methods")
TOP_UP = Page(_("Top up"), "portal_top_up", "wallet")
MANAGE_TOP_UP = Page(_("Manage automatic top-up"), "portal_auto_top_up", "wallet")
VIEW_WALLET = Page(_("View wallet"), "portal_wallet", "wallet")
VIEW_PLAN = Page(_("View plan"), "portal_plan")
VIEW_USAGE = Page(_("View usage"), "portal_usage")
CHANGE_LIMITS = Page(_("Change your limits"), "portal_limits")

PAGES: Mapping[str, tuple[Page, ...]] = {
    "alert.fired": (VIEW_USAGE, CHANGE_LIMITS),
    "invoice.explained": (VIEW_INVOICE,),
    "invoice.issued": (VIEW_INVOICE,),
    "invoice.overdue": (PAY, VIEW_INVOICE),
    "invoice.paid": (VIEW_INVOICE,),
    "invoice.reminder": (PAY, VIEW_INVOICE),
    "invoice.resent": (VIEW_INVOICE,),
    "migration.announced": (VIEW_PLAN,),
    "payment.failed": (UPDATE_METHOD, PAY_ANOTHER_WAY),
    "payment.succeeded": (VIEW_INVOICE,),
    "payment.taken_back": (PAY, VIEW_INVOICE),
    "refund.failed": (Page(_("View balance"), "portal_invoices"),),
    "subscription.canceled": (VIEW_PLAN,),
    "topup.failed": (TOP_UP, UPDATE_METHOD),
    "topup.paid": (VIEW_WALLET, VIEW_INVOICE),
    "topup.switched_off": (UPDATE_METHOD, MANAGE_TOP_UP),
    "wallet.expired": (VIEW_WALLET,),
    "wallet.granted": (VIEW_WALLET,),
}
"""Kind → the page of the button and that of the link."""


def buttons_of(
    kind: str, facts: Facts, texts: Mapping[str, str], *, portal: str
) -> tuple[Button | None, Button | None]:
    """
    Return the button and the link of an email to a contact; None without a page for it, or without a public URL.

    texts: the facts as the reader sees them. portal: the origin of the seller's portal; empty without a public URL.
    """
    pages = PAGES.get(kind, ())
    if facts.get("remedy") == "top_up":
        pages = (TOP_UP, VIEW_WALLET)
    elif kind in ("invoice.issued", "invoice.resent") and "due" in texts and "is_settled" not in texts:
        pages = (PAY, VIEW_INVOICE)
    buttons = [button for page in pages if (button := _button(page, facts, texts, portal)) is not None]
    return (buttons[0] if buttons else None), (buttons[1] if len(buttons) > 1 else None)


def _button(page: Page, facts: Facts, texts: Mapping[str, str], portal: str) -> Button | None:
    row = facts.get(page.row) if page.row else None
    if not portal or (page.row and not row):
        return None
    label = str(page.with_amount) % texts if page.with_amount is not None and "due" in texts else str(page.label)
    return Button(label, portal + reverse(page.name, args=[row] if row else []))
