"""Staff pages of usage and billing. Pages of lower apps that also show usage are completed here."""

from billing.admin import accounting_files, adapters, data_drop, jobs, plan_migrations
from billing.admin.closing import invoices, month_end, periods
from billing.admin.customer_page import customer_page
from billing.admin.limits import alert_rules, alerts, reservations, spend_caps
from billing.admin.metering import corrections, events, ignore_rules, meters, unmatched_usage, wallet_usage
from billing.admin.revenue import reports
from billing.admin.simulation import results, test_clocks
from billing.admin.subscriptions import (
    change_request,
    commitments,
    coupons,
    overrides,
    plan_versions,
    scheduled_changes,
    subscription_page,
)

__all__ = [
    "accounting_files",
    "adapters",
    "alert_rules",
    "alerts",
    "change_request",
    "commitments",
    "corrections",
    "coupons",
    "customer_page",
    "data_drop",
    "events",
    "ignore_rules",
    "invoices",
    "jobs",
    "meters",
    "month_end",
    "overrides",
    "periods",
    "plan_migrations",
    "plan_versions",
    "reports",
    "reservations",
    "results",
    "scheduled_changes",
    "spend_caps",
    "subscription_page",
    "test_clocks",
    "unmatched_usage",
    "wallet_usage",
]
