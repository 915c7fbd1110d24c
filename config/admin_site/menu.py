"""The menu: the pages that the user may see, with the numbers of rows that need action."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from billing.models import Job, Period, UnmatchedUsage
from billing.models.jobs import OPEN_STATES
from customers.models import Delivery
from customers.models.notifications import DeliveryState
from invoices.models import Refund
from invoices.models.payment_attempts import AttemptState, RefundProvider
from lib.admin import is_allowed
from plans.models import ChangeRequest
from plans.models.approvals import RequestState

MOST = 99
"""Maximum of a number in the menu: every page counts it, so the count is bounded."""


@dataclass(frozen=True, slots=True)
class MenuItem:
    """
    An entry of the menu.

    model: its list is the page, and who may view its rows sees the item; page and permission are for other pages.
    waiting: the rows that need action.
    """

    title: str
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
UNMATCHED_USAGE = UnmatchedUsage.objects.filter(resolved_at__isnull=True)
OPEN_JOBS = Job.objects.filter(state__in=OPEN_STATES)
WAITING_REQUESTS = ChangeRequest.objects.filter(state=RequestState.WAITING)
REFUNDS_BY_HAND = Refund.objects.filter(provider=RefundProvider.MANUAL, state=AttemptState.PENDING)
FAILED_DELIVERIES = Delivery.objects.filter(state=DeliveryState.FAILED)

MENU: dict[str, list[MenuItem]] = {
    "": [MenuItem("Dashboard", "space_dashboard", page="index")],
    "Customers": [
        MenuItem("Customers", "groups", "customers.customer"),
        MenuItem("Subscriptions", "autorenew", "billing.subscription"),
        MenuItem("Scheduled changes", "moving", "billing.scheduledchange"),
        MenuItem("Migrations", "move_down", "billing.planmigration"),
        MenuItem("Invoices", "receipt_long", "invoices.invoice"),
    ],
    "Payments": [
        MenuItem("Charges", "credit_card", "invoices.paymentattempt"),
        MenuItem("Refunds", "currency_exchange", "invoices.refund", REFUNDS_BY_HAND),
        MenuItem("Balances", "savings", "invoices.balanceentry"),
        MenuItem("Provider events", "sensors", "invoices.providerevent"),
    ],
    "Prepaid": [
        MenuItem("Wallets", "account_balance_wallet", "wallets.wallet"),
        MenuItem("Purchases", "shopping_bag", "wallets.purchase"),
        MenuItem("Automatic top-ups", "autopay", "wallets.topuprule"),
    ],
    "Limits": [
        MenuItem("Alerts", "notifications", "billing.alert"),
        MenuItem("Alert rules", "fence", "billing.alertrule"),
        MenuItem("Spend caps", "front_hand", "billing.spendcap"),
        MenuItem("Reservations", "hourglass_top", "billing.reservation"),
    ],
    "Closing": [
        MenuItem("Close", "task_alt", page="closing", permission="billing.view_period"),
        MenuItem("Month-end", "lock_clock", page="month_end", permission="invoices.view_monthlock"),
        MenuItem("Periods", "date_range", "billing.period", FAILED_CLOSES, "danger"),
        MenuItem("Unmatched usage", "report", "billing.unmatchedusage", UNMATCHED_USAGE),
        MenuItem("Events", "bolt", "billing.event"),
        MenuItem("Jobs", "checklist", "billing.job", OPEN_JOBS, "info"),
        MenuItem("Corrections", "undo", "billing.correction"),
    ],
    "Catalog": [
        MenuItem("Plans", "sell", "plans.plan"),
        MenuItem("Plan versions", "history_edu", "plans.planversion", WAITING_REQUESTS),
        MenuItem(
            "Simulate prices",
            "query_stats",
            page="billing_simulationresult_start",
            permission="billing.simulate_price",
        ),
        MenuItem("Coupons", "confirmation_number", "plans.coupon"),
        MenuItem("Credit packs", "toll", "plans.creditpack"),
        MenuItem("Features", "extension", "plans.feature"),
        MenuItem("Meters", "speed", "plans.meter"),
        MenuItem("Unit costs", "shopping_cart", "plans.unitcost"),
    ],
    "Settings": [
        MenuItem("Publishing", "rule", "plans.publishingrule"),
        MenuItem("Sellers", "storefront", "customers.seller"),
        MenuItem("Tax rates", "percent", "invoices.taxrate"),
        MenuItem("Number series", "tag", "invoices.numberseries"),
        MenuItem("Scheduled tasks", "schedule", "django_celery_beat.periodictask"),
    ],
    "Developers": [
        MenuItem("Test clocks", "av_timer", "customers.testclock"),
        MenuItem("API keys", "key", "customers.apikey"),
        MenuItem("Webhooks", "webhook", "customers.webhookendpoint"),
        MenuItem("Deliveries", "outgoing_mail", "customers.delivery", FAILED_DELIVERIES),
        MenuItem("Notices", "campaign", "customers.notification"),
        MenuItem("Mail texts", "edit_note", "customers.emailtemplate"),
    ],
    "Staff": [
        MenuItem("Changes", "manage_history", page="changes"),
        MenuItem("People", "badge", "auth.user"),
        MenuItem("Groups", "shield_person", "auth.group"),
    ],
}


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the menu in the theme's format, without items that the user may not see."""
    shown = [
        (title, [_entry(item) for item in items if is_allowed(request, item.required_permission)])
        for title, items in MENU.items()
    ]
    matching_links = [
        entry["link"] for _, entries in shown for entry in entries if request.path.startswith(entry["link"])
    ]
    current_link = max(matching_links, key=len, default="")
    for _, entries in shown:
        for menu_entry in entries:
            menu_entry["active"] = menu_entry["link"] == current_link and (
                menu_entry["link"] != reverse("admin:index") or request.path == current_link
            )
    return [{"title": title, "items": entries} for title, entries in shown if entries]


def _entry(item: MenuItem) -> dict[str, Any]:
    entry = {"title": item.title, "icon": item.icon, "link": item.link}
    if item.waiting is not None and (badge := _badge(item.waiting)):
        entry |= {"badge": badge, "badge_variant": item.color}
    return entry


def _badge(rows: QuerySet[Any]) -> str:
    row_count = rows.order_by()[: MOST + 1].count()
    return f"{MOST}+" if row_count > MOST else str(row_count or "")
