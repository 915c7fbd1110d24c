from django.urls import path

from billing.api.closing.late_usage import LateUsageView
from billing.api.closing.month_end import MonthEndView
from billing.api.closing.regeneration import RegenerateView
from billing.api.closing.upcoming_invoice import UpcomingView
from billing.api.jobs import JobResultView, JobView
from billing.api.limits.alert_rules import AlertRulesView, AlertRuleView
from billing.api.limits.alerts import AlertsView
from billing.api.limits.check import CheckView
from billing.api.limits.entitlements import EntitlementsView
from billing.api.limits.reservations import CommitView, ReleaseView, ReservationsView, ReservationView
from billing.api.limits.spend_caps import CapsView, CapView, CustomerCapsView, CustomerCapView
from billing.api.metering.corrections import CorrectionsView
from billing.api.metering.event_trace import TraceView
from billing.api.metering.events import EventsView
from billing.api.metering.line_events import LineEventsFileView, LineEventsView
from billing.api.metering.meters import TryMeterView
from billing.api.metering.unmatched_usage import UnmatchedView
from billing.api.metering.usage import BreakdownView, UsageView
from billing.api.plan_migrations import (
    MigrationDropView,
    MigrationNoticeView,
    MigrationPreviewView,
    MigrationRollBackView,
    MigrationRunView,
    MigrationsView,
    MigrationView,
    MovesView,
)
from billing.api.privacy import ErasureView, ExportView
from billing.api.simulation.clones import CloneView
from billing.api.simulation.simulations import (
    SimulatedBillsFileView,
    SimulatedBillsView,
    SimulationsView,
    SimulationView,
)
from billing.api.simulation.test_clocks import AdvanceView, ClocksView, ClockView, RetryView, StopView
from billing.api.subscriptions.cancellations import (
    CancellationPreviewView,
    CancellationView,
    CancellationWithdrawalView,
)
from billing.api.subscriptions.commitments import CommitmentEndView, CommitmentsView
from billing.api.subscriptions.coupons import RedemptionsView, RemovalView
from billing.api.subscriptions.drafts import ActivationView, DraftView
from billing.api.subscriptions.overrides import OverrideEndView, OverridesView
from billing.api.subscriptions.pauses import PauseView, ResumptionView
from billing.api.subscriptions.plan_changes import ChangeView, ChangeWithdrawalView
from billing.api.subscriptions.quantities import QuantityView
from billing.api.subscriptions.trials import TrialView
from billing.api.subscriptions.views import SubscriptionsView, SubscriptionView

urlpatterns = [
    path("events", EventsView.as_view(), name="events"),
    path("events/corrections", CorrectionsView.as_view(), name="corrections"),
    path("events/trace", TraceView.as_view(), name="trace"),
    path("invoices/<int:invoice>/lines/<int:position>/events", LineEventsView.as_view(), name="line_events"),
    path(
        "invoices/<int:invoice>/lines/<int:position>/events.csv", LineEventsFileView.as_view(), name="line_events_csv"
    ),
    path("test-clocks", ClocksView.as_view(), name="test_clocks"),
    path("test-clocks/<int:clock>", ClockView.as_view(), name="test_clock"),
    path("test-clocks/<int:clock>/advance", AdvanceView.as_view(), name="test_clock_advance"),
    path("test-clocks/<int:clock>/retry", RetryView.as_view(), name="test_clock_retry"),
    path("test-clocks/<int:clock>/stop", StopView.as_view(), name="test_clock_stop"),
    path("check", CheckView.as_view(), name="check"),
    path("reservations", ReservationsView.as_view(), name="reservations"),
    path("reservations/<int:number>", ReservationView.as_view(), name="reservation"),
    path("reservations/<int:number>/commit", CommitView.as_view(), name="reservation_commit"),
    path("reservations/<int:number>/release", ReleaseView.as_view(), name="reservation_release"),
    path("meters/<str:meter>/try", TryMeterView.as_view(), name="meter_try"),
    path("alert-rules", AlertRulesView.as_view(), name="alert_rules"),
    path("alert-rules/<int:number>", AlertRuleView.as_view(), name="alert_rule"),
    path("alerts", AlertsView.as_view(), name="alerts"),
    path("jobs/<int:number>", JobView.as_view(), name="job"),
    path("jobs/<int:number>/result.csv", JobResultView.as_view(), name="job_result"),
    path("simulations", SimulationsView.as_view(), name="simulations"),
    path("simulations/<int:number>", SimulationView.as_view(), name="simulation"),
    path("simulations/<int:number>/bills", SimulatedBillsView.as_view(), name="simulated_bills"),
    path("simulations/<int:number>/bills.csv", SimulatedBillsFileView.as_view(), name="simulated_bills_csv"),
    path("month-end", MonthEndView.as_view(), name="month_end"),
    path("late-usage", LateUsageView.as_view(), name="late_usage"),
    path("unmatched-usage", UnmatchedView.as_view(), name="unmatched_usage"),
    path("customers/<str:customer>/export", ExportView.as_view(), name="customer_export"),
    path("customers/<str:customer>/erase", ErasureView.as_view(), name="customer_erase"),
    path("invoices/<int:invoice>/regenerate", RegenerateView.as_view(), name="invoice_regenerate"),
    path("customers/<str:customer>/clone", CloneView.as_view(), name="customer_clone"),
    path("customers/<str:customer>/usage", UsageView.as_view(), name="usage"),
    path("customers/<str:customer>/entitlements", EntitlementsView.as_view(), name="entitlements"),
    path("customers/<str:customer>/usage/breakdown", BreakdownView.as_view(), name="usage_breakdown"),
    path("migrations", MigrationsView.as_view(), name="migrations"),
    path("migrations/<int:number>", MigrationView.as_view(), name="migration"),
    path("migrations/<int:number>/moves", MovesView.as_view(), name="migration_moves"),
    path("migrations/<int:number>/preview", MigrationPreviewView.as_view(), name="migration_preview"),
    path("migrations/<int:number>/tell", MigrationNoticeView.as_view(), name="migration_tell"),
    path("migrations/<int:number>/run", MigrationRunView.as_view(), name="migration_run"),
    path("migrations/<int:number>/roll-back", MigrationRollBackView.as_view(), name="migration_roll_back"),
    path("migrations/<int:number>/drop", MigrationDropView.as_view(), name="migration_drop"),
    path("subscriptions", SubscriptionsView.as_view(), name="subscriptions"),
    path("subscriptions/<str:subscription>", SubscriptionView.as_view(), name="subscription"),
    path("subscriptions/<str:subscription>/upcoming", UpcomingView.as_view(), name="subscription_upcoming"),
    path("subscriptions/<str:subscription>/overrides", OverridesView.as_view(), name="overrides"),
    path(
        "subscriptions/<str:subscription>/overrides/<int:number>/end", OverrideEndView.as_view(), name="override_end"
    ),
    path("subscriptions/<str:subscription>/commitments", CommitmentsView.as_view(), name="commitments"),
    path(
        "subscriptions/<str:subscription>/commitments/<int:number>/end",
        CommitmentEndView.as_view(),
        name="commitment_end",
    ),
    path("subscriptions/<str:subscription>/spend-caps", CapsView.as_view(), name="spend_caps"),
    path("subscriptions/<str:subscription>/spend-caps/<int:number>", CapView.as_view(), name="spend_cap"),
    path("customers/<str:customer>/spend-caps", CustomerCapsView.as_view(), name="customer_spend_caps"),
    path("customers/<str:customer>/spend-caps/<int:number>", CustomerCapView.as_view(), name="customer_spend_cap"),
    path("subscriptions/<str:subscription>/coupons", RedemptionsView.as_view(), name="redemptions"),
    path("subscriptions/<str:subscription>/coupons/<str:coupon>/remove", RemovalView.as_view(), name="coupon_remove"),
    path("subscriptions/<str:subscription>/trial", TrialView.as_view(), name="subscription_trial"),
    path("subscriptions/<str:subscription>/change", ChangeView.as_view(), name="subscription_change"),
    path(
        "subscriptions/<str:subscription>/change/withdraw",
        ChangeWithdrawalView.as_view(),
        name="subscription_change_withdraw",
    ),
    path(
        "subscriptions/<str:subscription>/quantities/<str:fee>", QuantityView.as_view(), name="subscription_quantity"
    ),
    path("subscriptions/<str:subscription>/cancel", CancellationView.as_view(), name="subscription_cancel"),
    path("subscriptions/<str:subscription>/draft", DraftView.as_view(), name="subscription_draft"),
    path("subscriptions/<str:subscription>/activate", ActivationView.as_view(), name="subscription_activate"),
    path("subscriptions/<str:subscription>/pause", PauseView.as_view(), name="subscription_pause"),
    path("subscriptions/<str:subscription>/resume", ResumptionView.as_view(), name="subscription_resume"),
    path(
        "subscriptions/<str:subscription>/cancel/preview",
        CancellationPreviewView.as_view(),
        name="subscription_cancel_preview",
    ),
    path(
        "subscriptions/<str:subscription>/cancel/withdraw",
        CancellationWithdrawalView.as_view(),
        name="subscription_cancel_withdraw",
    ),
]
