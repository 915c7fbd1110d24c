"""The menu on the left: what the reader may see, with the numbers that call for action."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from billing.models import Job, Period, UnmatchedUsage
from billing.models.jobs import OPEN
from customers.models import Delivery
from customers.models.notifications import DeliveryState
from invoices.models import Refund
from invoices.models.payment_attempts import AttemptState, RefundProvider
from plans.models import ChangeRequest
from plans.models.approvals import RequestState

MOST = 99
"""A number in the menu is asked on every page, so it counts this far and no further."""


@dataclass(frozen=True, slots=True)
class Item:
    """permission: what one needs to see the item; empty for all staff. waiting: the rows that call for action."""

    title: str
    icon: str
    page: str
    permission: str = ""
    waiting: Callable[[], QuerySet] | None = None
    color: str = "warning"


def _failed_closes() -> QuerySet:
    return Period.objects.failed()


def _unmatched_usage() -> QuerySet:
    return UnmatchedUsage.objects.filter(resolved_at__isnull=True)


def _open_jobs() -> QuerySet:
    return Job.objects.filter(state__in=OPEN)


def _asked_for() -> QuerySet:
    return ChangeRequest.objects.filter(state=RequestState.WAITING)


def _refunds_by_hand() -> QuerySet:
    return Refund.objects.filter(provider=RefundProvider.MANUAL, state=AttemptState.PENDING)


def _failed_deliveries() -> QuerySet:
    return Delivery.objects.filter(state=DeliveryState.FAILED)


MENU: list[tuple[str, list[Item]]] = [
    ("", [Item("Dashboard", "space_dashboard", "index")]),
    (
        "Customers",
        [
            Item("Customers", "groups", "customers_customer_changelist", "customers.view_customer"),
            Item("Subscriptions", "autorenew", "billing_subscription_changelist", "billing.view_subscription"),
            Item("Scheduled changes", "moving", "billing_scheduledchange_changelist", "billing.view_scheduledchange"),
            Item("Migrations", "move_down", "billing_planmigration_changelist", "billing.view_planmigration"),
            Item("Invoices", "receipt_long", "invoices_invoice_changelist", "invoices.view_invoice"),
        ],
    ),
    (
        "Payments",
        [
            Item("Charges", "credit_card", "invoices_paymentattempt_changelist", "invoices.view_paymentattempt"),
            Item(
                "Refunds",
                "currency_exchange",
                "invoices_refund_changelist",
                "invoices.view_refund",
                _refunds_by_hand,
            ),
            Item("Balances", "savings", "invoices_balanceentry_changelist", "invoices.view_balanceentry"),
            Item("Provider events", "sensors", "invoices_providerevent_changelist", "invoices.view_providerevent"),
        ],
    ),
    (
        "Prepaid",
        [
            Item("Wallets", "account_balance_wallet", "wallets_wallet_changelist", "wallets.view_wallet"),
            Item("Purchases", "shopping_bag", "wallets_purchase_changelist", "wallets.view_purchase"),
            Item("Automatic top-ups", "autopay", "wallets_topuprule_changelist", "wallets.view_topuprule"),
        ],
    ),
    (
        "Limits",
        [
            Item("Alerts", "notifications", "billing_alert_changelist", "billing.view_alert"),
            Item("Alert rules", "fence", "billing_alertrule_changelist", "billing.view_alertrule"),
            Item("Spend caps", "front_hand", "billing_spendcap_changelist", "billing.view_spendcap"),
            Item("Reservations", "hourglass_top", "billing_reservation_changelist", "billing.view_reservation"),
        ],
    ),
    (
        "Closing",
        [
            Item("Close", "task_alt", "closing", "billing.view_period"),
            Item("Month-end", "lock_clock", "month_end", "invoices.view_monthlock"),
            Item(
                "Periods",
                "date_range",
                "billing_period_changelist",
                "billing.view_period",
                _failed_closes,
                "danger",
            ),
            Item(
                "Unmatched usage",
                "report",
                "billing_unmatchedusage_changelist",
                "billing.view_unmatchedusage",
                _unmatched_usage,
            ),
            Item("Events", "bolt", "billing_event_changelist", "billing.view_event"),
            Item("Jobs", "checklist", "billing_job_changelist", "billing.view_job", _open_jobs, "info"),
            Item("Corrections", "undo", "billing_correction_changelist", "billing.view_correction"),
        ],
    ),
    (
        "Catalog",
        [
            Item("Plans", "sell", "plans_plan_changelist", "plans.view_plan"),
            Item(
                "Plan versions",
                "history_edu",
                "plans_planversion_changelist",
                "plans.view_planversion",
                _asked_for,
            ),
            Item("Simulate prices", "query_stats", "billing_simulationresult_start", "billing.simulate_price"),
            Item("Coupons", "confirmation_number", "plans_coupon_changelist", "plans.view_coupon"),
            Item("Credit packs", "toll", "plans_creditpack_changelist", "plans.view_creditpack"),
            Item("Features", "extension", "plans_feature_changelist", "plans.view_feature"),
            Item("Meters", "speed", "plans_meter_changelist", "plans.view_meter"),
            Item("Unit costs", "shopping_cart", "plans_unitcost_changelist", "plans.view_unitcost"),
        ],
    ),
    (
        "Settings",
        [
            Item("Publishing", "rule", "plans_publishingrule_changelist", "plans.view_publishingrule"),
            Item("Sellers", "storefront", "customers_seller_changelist", "customers.view_seller"),
            Item("Tax rates", "percent", "invoices_taxrate_changelist", "invoices.view_taxrate"),
            Item("Number series", "tag", "invoices_numberseries_changelist", "invoices.view_numberseries"),
            Item(
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
            Item("Test clocks", "av_timer", "customers_testclock_changelist", "customers.view_testclock"),
            Item("API keys", "key", "customers_apikey_changelist", "customers.view_apikey"),
            Item("Webhooks", "webhook", "customers_webhookendpoint_changelist", "customers.view_webhookendpoint"),
            Item(
                "Deliveries",
                "outgoing_mail",
                "customers_delivery_changelist",
                "customers.view_delivery",
                _failed_deliveries,
            ),
            Item("Notices", "campaign", "customers_notification_changelist", "customers.view_notification"),
            Item("Mail texts", "edit_note", "customers_emailtemplate_changelist", "customers.view_emailtemplate"),
        ],
    ),
    (
        "Staff",
        [
            Item("Changes", "manage_history", "changes"),
            Item("People", "badge", "auth_user_changelist", "auth.view_user"),
            Item("Groups", "shield_person", "auth_group_changelist", "auth.view_group"),
        ],
    ),
]


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the menu as the theme wants it, without what the reader may not see."""
    shown = [
        (title, [_entry(item) for item in items if not item.permission or request.user.has_perm(item.permission)])
        for title, items in MENU
    ]
    leading = [one["link"] for _, entries in shown for one in entries if request.path.startswith(one["link"])]
    here = max(leading, key=len, default="")
    for _, entries in shown:
        for one in entries:
            one["active"] = one["link"] == here and (one["link"] != reverse("admin:index") or request.path == here)
    return [{"title": title, "items": entries} for title, entries in shown if entries]


def _entry(item: Item) -> dict[str, Any]:
    entry = {"title": item.title, "icon": item.icon, "link": reverse(f"admin:{item.page}")}
    if item.waiting is not None and (badge := _badge(item.waiting())):
        entry |= {"badge": badge, "badge_variant": item.color}
    return entry


def _badge(rows: QuerySet) -> str:
    found = rows.order_by()[: MOST + 1].count()
    return f"{MOST}+" if found > MOST else str(found or "")
