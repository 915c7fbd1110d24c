"""The menu: the pages that the user may see, with the numbers of rows that need action."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from access.models import ApprovalRequest
from access.models.approvals import ApprovalState
from billing.models import Job, Period, UnmatchedUsage
from billing.models.jobs import OPEN_STATES
from customers.models import Delivery
from customers.models.notifications import DeliveryState
from invoices.models import BankLine, Refund
from invoices.models.bank_statements import BankLineState
from invoices.models.payment_attempts import AttemptState, RefundProvider
from lib.admin import is_allowed
from lib.bounded_counts import count_bounded
from lib.translation import Text

MOST = 99
"""Maximum of a number in the menu: every page counts it, so the count is bounded."""


@dataclass(frozen=True, slots=True)
class MenuItem:
    """
    An entry of the menu.

    model: its list is the page, and users who may view its rows see the item. page, permission: of other pages.
    waiting: the rows that need action.
    """

    title: Text
    icon: str
    model: str = ""
    waiting: QuerySet[Any] | None = None
    color: str = "warning"
    page: str = ""
    permission: str = ""

    @property
    def link(self) -> str:
        page = self.page or f"{self.model.replace('.', '_')}_changelist"
        return reverse(f"admin:{page}")

    @property
    def required_permission(self) -> str:
        """The permission required to see the item; empty for all staff."""
        return self.model.replace(".", ".view_") if self.model else self.permission


FAILED_CLOSES = Period.objects.failed()
UNMATCHED_USAGE = UnmatchedUsage.objects.outstanding().filter(sandbox=False)
OPEN_JOBS = Job.objects.filter(state__in=OPEN_STATES)
WAITING_APPROVALS = ApprovalRequest.objects.filter(state=ApprovalState.WAITING)
BANK_LINES_TO_REVIEW = BankLine.objects.filter(state=BankLineState.REVIEW)
REFUNDS_BY_HAND = Refund.objects.filter(provider=RefundProvider.MANUAL, state=AttemptState.PENDING)
FAILED_DELIVERIES = Delivery.objects.filter(state=DeliveryState.FAILED)

MENU: list[tuple[Text, list[MenuItem]]] = [
    (
        "",
        [
            MenuItem(_("Dashboard"), "space_dashboard", page="index"),
            MenuItem(_("Approvals"), "approval", "access.approvalrequest", WAITING_APPROVALS),
        ],
    ),
    (
        _("Customers"),
        [
            MenuItem(_("Customers"), "groups", "customers.customer"),
            MenuItem(_("Subscriptions"), "autorenew", "billing.subscription"),
            MenuItem(_("Scheduled changes"), "moving", "billing.scheduledchange"),
            MenuItem(_("Plan migrations"), "move_down", "billing.planmigration"),
            MenuItem(_("Invoices"), "receipt_long", "invoices.invoice"),
        ],
    ),
    (
        _("Payments"),
        [
            MenuItem(_("Bank statements"), "account_balance", "invoices.bankstatement", BANK_LINES_TO_REVIEW),
            MenuItem(_("Payment attempts"), "credit_card", "invoices.paymentattempt"),
            MenuItem(_("Refunds"), "currency_exchange", "invoices.refund", REFUNDS_BY_HAND),
            MenuItem(_("Customer balances"), "savings", "invoices.balanceentry"),
            MenuItem(_("Provider events"), "sensors", "invoices.providerevent"),
            MenuItem(
                _("Reconciliation"),
                "balance",
                page="payment_reconciliation",
                permission="invoices.view_paymentattempt",
            ),
        ],
    ),
    (
        _("Revenue"),
        [
            MenuItem(_("Revenue reports"), "bar_chart", "billing.posting"),
            MenuItem(_("MRR"), "monitoring", page="revenue_mrr", permission="billing.view_recurringrevenue"),
            MenuItem(_("Breakage estimates"), "hourglass_bottom", "wallets.breakagerate"),
        ],
    ),
    (
        _("Prepaid"),
        [
            MenuItem(_("Wallets"), "account_balance_wallet", "wallets.wallet"),
            MenuItem(_("Purchases"), "shopping_bag", "wallets.purchase"),
            MenuItem(_("Automatic top-ups"), "autopay", "wallets.topuprule"),
        ],
    ),
    (
        _("Limits"),
        [
            MenuItem(_("Alerts"), "notifications", "billing.alert"),
            MenuItem(_("Alert rules"), "fence", "billing.alertrule"),
            MenuItem(_("Spend caps"), "front_hand", "billing.spendcap"),
            MenuItem(_("Reservations"), "hourglass_top", "billing.reservation"),
        ],
    ),
    (
        _("Usage and invoicing"),
        [
            MenuItem(_("Invoicing"), "task_alt", page="closing", permission="billing.view_period"),
            MenuItem(_("Month end"), "lock_clock", page="month_end", permission="invoices.view_monthlock"),
            MenuItem(_("Accounting files"), "export_notes", "billing.exportbatch"),
            MenuItem(_("Billing periods"), "date_range", "billing.period", FAILED_CLOSES, "danger"),
            MenuItem(_("Unmatched usage"), "report", "billing.unmatchedusage", UNMATCHED_USAGE),
            MenuItem(_("Ignore rules"), "visibility_off", "billing.ignorerule"),
            MenuItem(_("Events"), "bolt", "billing.event"),
            MenuItem(_("Usage corrections"), "undo", "billing.correction"),
            MenuItem(_("Jobs"), "checklist", "billing.job", OPEN_JOBS, "info"),
        ],
    ),
    (
        _("Catalog"),
        [
            MenuItem(_("Plans"), "sell", "plans.plan"),
            MenuItem(_("Plan versions"), "history_edu", "plans.planversion"),
            MenuItem(
                _("Price simulation"),
                "query_stats",
                page="billing_simulationresult_start",
                permission="billing.simulate_price",
            ),
            MenuItem(_("Coupons"), "confirmation_number", "plans.coupon"),
            MenuItem(_("Credit packs"), "toll", "plans.creditpack"),
            MenuItem(_("Features"), "extension", "plans.feature"),
            MenuItem(_("Meters"), "speed", "plans.meter"),
            MenuItem(_("Unit costs"), "shopping_cart", "plans.unitcost"),
        ],
    ),
    (
        _("Settings"),
        [
            MenuItem(_("Publishing"), "rule", "plans.publishingrule"),
            MenuItem(_("Approval rules"), "approval_delegation", "access.approvalrule"),
            MenuItem(_("Sellers"), "storefront", "customers.seller"),
            MenuItem(_("Tax rates"), "percent", "invoices.taxrate"),
            MenuItem(_("Number series"), "tag", "invoices.numberseries"),
            MenuItem(_("Accounting targets"), "account_tree", "billing.accountingtarget"),
            MenuItem(_("Accounts"), "list_alt", "billing.account"),
            MenuItem(_("Account mapping"), "mediation", "billing.accountmapping"),
            MenuItem(_("Sync targets"), "sync_alt", "billing.synctarget"),
            MenuItem(_("Sync records"), "cloud_sync", "billing.syncrecord"),
            MenuItem(_("Drop targets"), "cloud_upload", "billing.droptarget"),
            MenuItem(_("Exchange rates"), "currency_exchange", "customers.exchangerate"),
            MenuItem(_("Scheduled tasks"), "schedule", "django_celery_beat.periodictask"),
        ],
    ),
    (
        _("Developers"),
        [
            MenuItem(_("Test clocks"), "av_timer", "customers.testclock"),
            MenuItem(_("API keys"), "key", "customers.apikey"),
            MenuItem(_("Webhooks"), "webhook", "customers.webhookendpoint"),
            MenuItem(_("Deliveries"), "outgoing_mail", "customers.delivery", FAILED_DELIVERIES),
            MenuItem(_("Notifications"), "campaign", "customers.notification"),
            MenuItem(_("Email templates"), "edit_note", "customers.emailtemplate"),
        ],
    ),
    (
        _("Staff"),
        [
            MenuItem(_("Audit log"), "manage_history", page="changes"),
            MenuItem(_("Users"), "badge", "auth.user"),
            MenuItem(_("Groups"), "shield_person", "auth.group"),
        ],
    ),
]


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the menu in the theme's format, without items that the user may not see."""
    allowed = [
        (title, [item for item in items if is_allowed(request, item.required_permission)]) for title, items in MENU
    ]
    waiting = {item.model: item.waiting for _, items in allowed for item in items if item.waiting is not None}
    counts = count_bounded(waiting, most=MOST)
    shown = [(title, [_entry(item, counts.get(item.model, 0)) for item in items]) for title, items in allowed]
    matching_links = [
        entry["link"] for _, entries in shown for entry in entries if request.path.startswith(entry["link"])
    ]
    current_link = max(matching_links, key=len, default="")
    for _title, entries in shown:
        for menu_entry in entries:
            menu_entry["active"] = menu_entry["link"] == current_link and (
                menu_entry["link"] != reverse("admin:index") or request.path == current_link
            )
    return [{"title": title, "items": entries} for title, entries in shown if entries]


def _entry(item: MenuItem, waiting: int) -> dict[str, Any]:
    entry = {"title": item.title, "icon": item.icon, "link": item.link}
    if waiting:
        entry |= {"badge": f"{MOST}+" if waiting > MOST else str(waiting), "badge_variant": item.color}
    return entry
