"""The menu: the pages that the user may see, with the numbers of rows that need action."""

from collections.abc import Callable
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
from plans.models import ChangeRequest
from plans.models.approvals import RequestState

MOST = 99
"""Maximum of a number in the menu: every page counts it, so the count is bounded."""


@dataclass(frozen=True, slots=True)
class MenuItem:
    """permission: required to see the item; empty for all staff. waiting: the rows that need action."""

    title: str
    icon: str
    page: str
    permission: str = ""
    waiting: Callable[[], QuerySet[Any]] | None = None
    color: str = "warning"


def _failed_closes() -> QuerySet[Period]:
    return Period.objects.failed()


def _unmatched_usage() -> QuerySet[UnmatchedUsage]:
    return UnmatchedUsage.objects.filter(resolved_at__isnull=True)


def _open_jobs() -> QuerySet[Job]:
    return Job.objects.filter(state__in=OPEN_STATES)


def _waiting_requests() -> QuerySet[ChangeRequest]:
    return ChangeRequest.objects.filter(state=RequestState.WAITING)


def _refunds_by_hand() -> QuerySet[Refund]:
    return Refund.objects.filter(provider=RefundProvider.MANUAL, state=AttemptState.PENDING)


def _failed_deliveries() -> QuerySet[Delivery]:
    return Delivery.objects.filter(state=DeliveryState.FAILED)


MENU: list[tuple[str, list[MenuItem]]] = [
    ("", [MenuItem("Dashboard", "space_dashboard", "index")]),
    (
        "Customers",
        [
            MenuItem("Customers", "groups", "customers_customer_changelist", "customers.view_customer"),
            MenuItem("Subscriptions", "autorenew", "billing_subscription_changelist", "billing.view_subscription"),
            MenuItem(
                "Scheduled changes", "moving", "billing_scheduledchange_changelist", "billing.view_scheduledchange"
            ),
            MenuItem("Migrations", "move_down", "billing_planmigration_changelist", "billing.view_planmigration"),
            MenuItem("Invoices", "receipt_long", "invoices_invoice_changelist", "invoices.view_invoice"),
        ],
    ),
    (
        "Payments",
        [
            MenuItem("Charges", "credit_card", "invoices_paymentattempt_changelist", "invoices.view_paymentattempt"),
            MenuItem(
                "Refunds",
                "currency_exchange",
                "invoices_refund_changelist",
                "invoices.view_refund",
                _refunds_by_hand,
            ),
            MenuItem("Balances", "savings", "invoices_balanceentry_changelist", "invoices.view_balanceentry"),
            MenuItem(
                "Provider events", "sensors", "invoices_providerevent_changelist", "invoices.view_providerevent"
            ),
        ],
    ),
    (
        "Prepaid",
        [
            MenuItem("Wallets", "account_balance_wallet", "wallets_wallet_changelist", "wallets.view_wallet"),
            MenuItem("Purchases", "shopping_bag", "wallets_purchase_changelist", "wallets.view_purchase"),
            MenuItem("Automatic top-ups", "autopay", "wallets_topuprule_changelist", "wallets.view_topuprule"),
        ],
    ),
    (
        "Limits",
        [
            MenuItem("Alerts", "notifications", "billing_alert_changelist", "billing.view_alert"),
            MenuItem("Alert rules", "fence", "billing_alertrule_changelist", "billing.view_alertrule"),
            MenuItem("Spend caps", "front_hand", "billing_spendcap_changelist", "billing.view_spendcap"),
            MenuItem("Reservations", "hourglass_top", "billing_reservation_changelist", "billing.view_reservation"),
        ],
    ),
    (
        "Closing",
        [
            MenuItem("Close", "task_alt", "closing", "billing.view_period"),
            MenuItem("Month-end", "lock_clock", "month_end", "invoices.view_monthlock"),
            MenuItem(
                "Periods",
                "date_range",
                "billing_period_changelist",
                "billing.view_period",
                _failed_closes,
                "danger",
            ),
            MenuItem(
                "Unmatched usage",
                "report",
                "billing_unmatchedusage_changelist",
                "billing.view_unmatchedusage",
                _unmatched_usage,
            ),
            MenuItem("Events", "bolt", "billing_event_changelist", "billing.view_event"),
            MenuItem("Jobs", "checklist", "billing_job_changelist", "billing.view_job", _open_jobs, "info"),
            MenuItem("Corrections", "undo", "billing_correction_changelist", "billing.view_correction"),
        ],
    ),
    (
        "Catalog",
        [
            MenuItem("Plans", "sell", "plans_plan_changelist", "plans.view_plan"),
            MenuItem(
                "Plan versions",
                "history_edu",
                "plans_planversion_changelist",
                "plans.view_planversion",
                _waiting_requests,
            ),
            MenuItem("Simulate prices", "query_stats", "billing_simulationresult_start", "billing.simulate_price"),
            MenuItem("Coupons", "confirmation_number", "plans_coupon_changelist", "plans.view_coupon"),
            MenuItem("Credit packs", "toll", "plans_creditpack_changelist", "plans.view_creditpack"),
            MenuItem("Features", "extension", "plans_feature_changelist", "plans.view_feature"),
            MenuItem("Meters", "speed", "plans_meter_changelist", "plans.view_meter"),
            MenuItem("Unit costs", "shopping_cart", "plans_unitcost_changelist", "plans.view_unitcost"),
        ],
    ),
    (
        "Settings",
        [
            MenuItem("Publishing", "rule", "plans_publishingrule_changelist", "plans.view_publishingrule"),
            MenuItem("Sellers", "storefront", "customers_seller_changelist", "customers.view_seller"),
            MenuItem("Tax rates", "percent", "invoices_taxrate_changelist", "invoices.view_taxrate"),
            MenuItem("Number series", "tag", "invoices_numberseries_changelist", "invoices.view_numberseries"),
            MenuItem(
                "Scheduled tasks",
                "schedule",
                "django_celery_beat_periodictask_changelist",
                "django_celery_beat.view_periodictask",
            ),
        ],
    ),
    (
        "Developers",
        [
            MenuItem("Test clocks", "av_timer", "customers_testclock_changelist", "customers.view_testclock"),
            MenuItem("API keys", "key", "customers_apikey_changelist", "customers.view_apikey"),
            MenuItem("Webhooks", "webhook", "customers_webhookendpoint_changelist", "customers.view_webhookendpoint"),
            MenuItem(
                "Deliveries",
                "outgoing_mail",
                "customers_delivery_changelist",
                "customers.view_delivery",
                _failed_deliveries,
            ),
            MenuItem("Notices", "campaign", "customers_notification_changelist", "customers.view_notification"),
            MenuItem("Mail texts", "edit_note", "customers_emailtemplate_changelist", "customers.view_emailtemplate"),
        ],
    ),
    (
        "Staff",
        [
            MenuItem("Changes", "manage_history", "changes"),
            MenuItem("People", "badge", "auth_user_changelist", "auth.view_user"),
            MenuItem("Groups", "shield_person", "auth_group_changelist", "auth.view_group"),
        ],
    ),
]


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the menu in the theme's format, without items that the user may not see."""
    shown = [
        (title, [_entry(item) for item in items if not item.permission or request.user.has_perm(item.permission)])
        for title, items in MENU
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
    entry = {"title": item.title, "icon": item.icon, "link": reverse(f"admin:{item.page}")}
    if item.waiting is not None and (badge := _badge(item.waiting())):
        entry |= {"badge": badge, "badge_variant": item.color}
    return entry


def _badge(rows: QuerySet[Any]) -> str:
    row_count = rows.order_by()[: MOST + 1].count()
    return f"{MOST}+" if row_count > MOST else str(row_count or "")
