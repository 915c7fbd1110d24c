from django.urls import include, path

from billing.api import jobs, plan_migrations, privacy
from billing.api.closing import late_usage, month_end, regeneration, upcoming_invoice
from billing.api.limits import alert_rules, alerts, check, entitlements, reservations, spend_caps
from billing.api.metering import corrections, event_trace, events, line_events, meters, unmatched_usage, usage
from billing.api.simulation import clones, simulations, test_clocks
from billing.api.subscriptions import (
    cancellations,
    commitments,
    coupons,
    drafts,
    overrides,
    pauses,
    plan_changes,
    quantities,
    trials,
    views,
)

subscription_urls = [
    path("upcoming", upcoming_invoice.UpcomingView.as_view(), name="subscription_upcoming"),
    path("overrides", overrides.OverridesView.as_view(), name="overrides"),
    path("overrides/<int:number>/end", overrides.OverrideEndView.as_view(), name="override_end"),
    path("commitments", commitments.CommitmentsView.as_view(), name="commitments"),
    path("commitments/<int:number>/end", commitments.CommitmentEndView.as_view(), name="commitment_end"),
    path("spend-caps", spend_caps.CapsView.as_view(), name="spend_caps"),
    path("spend-caps/<int:number>", spend_caps.CapView.as_view(), name="spend_cap"),
    path("coupons", coupons.RedemptionsView.as_view(), name="redemptions"),
    path("coupons/<str:coupon>/remove", coupons.RemovalView.as_view(), name="coupon_remove"),
    path("trial", trials.TrialView.as_view(), name="subscription_trial"),
    path("change", plan_changes.ChangeView.as_view(), name="subscription_change"),
    path("change/withdraw", plan_changes.ChangeWithdrawalView.as_view(), name="subscription_change_withdraw"),
    path("quantities/<str:fee>", quantities.QuantityView.as_view(), name="subscription_quantity"),
    path("cancel", cancellations.CancellationView.as_view(), name="subscription_cancel"),
    path("draft", drafts.DraftView.as_view(), name="subscription_draft"),
    path("activate", drafts.ActivationView.as_view(), name="subscription_activate"),
    path("pause", pauses.PauseView.as_view(), name="subscription_pause"),
    path("resume", pauses.ResumptionView.as_view(), name="subscription_resume"),
    path("cancel/preview", cancellations.CancellationPreviewView.as_view(), name="subscription_cancel_preview"),
    path("cancel/withdraw", cancellations.CancellationWithdrawalView.as_view(), name="subscription_cancel_withdraw"),
]

urlpatterns = [
    path("events", events.EventsView.as_view(), name="events"),
    path("events/corrections", corrections.CorrectionsView.as_view(), name="corrections"),
    path("events/trace", event_trace.TraceView.as_view(), name="trace"),
    path(
        "invoices/<int:invoice>/lines/<int:position>/events", line_events.LineEventsView.as_view(), name="line_events"
    ),
    path(
        "invoices/<int:invoice>/lines/<int:position>/events.csv",
        line_events.LineEventsFileView.as_view(),
        name="line_events_csv",
    ),
    path("test-clocks", test_clocks.ClocksView.as_view(), name="test_clocks"),
    path("test-clocks/<int:clock>", test_clocks.ClockView.as_view(), name="test_clock"),
    path("test-clocks/<int:clock>/advance", test_clocks.AdvanceView.as_view(), name="test_clock_advance"),
    path("test-clocks/<int:clock>/retry", test_clocks.RetryView.as_view(), name="test_clock_retry"),
    path("test-clocks/<int:clock>/stop", test_clocks.StopView.as_view(), name="test_clock_stop"),
    path("check", check.CheckView.as_view(), name="check"),
    path("reservations", reservations.ReservationsView.as_view(), name="reservations"),
    path("reservations/<int:number>", reservations.ReservationView.as_view(), name="reservation"),
    path("reservations/<int:number>/commit", reservations.CommitView.as_view(), name="reservation_commit"),
    path("reservations/<int:number>/release", reservations.ReleaseView.as_view(), name="reservation_release"),
    path("meters/<str:meter>/try", meters.TryMeterView.as_view(), name="meter_try"),
    path("alert-rules", alert_rules.AlertRulesView.as_view(), name="alert_rules"),
    path("alert-rules/<int:number>", alert_rules.AlertRuleView.as_view(), name="alert_rule"),
    path("alerts", alerts.AlertsView.as_view(), name="alerts"),
    path("jobs/<int:number>", jobs.JobView.as_view(), name="job"),
    path("jobs/<int:number>/result.csv", jobs.JobResultView.as_view(), name="job_result"),
    path("simulations", simulations.SimulationsView.as_view(), name="simulations"),
    path("simulations/<int:number>", simulations.SimulationView.as_view(), name="simulation"),
    path("simulations/<int:number>/bills", simulations.SimulatedBillsView.as_view(), name="simulated_bills"),
    path(
        "simulations/<int:number>/bills.csv", simulations.SimulatedBillsFileView.as_view(), name="simulated_bills_csv"
    ),
    path("month-end", month_end.MonthEndView.as_view(), name="month_end"),
    path("late-usage", late_usage.LateUsageView.as_view(), name="late_usage"),
    path("unmatched-usage", unmatched_usage.UnmatchedView.as_view(), name="unmatched_usage"),
    path("customers/<str:customer>/export", privacy.ExportView.as_view(), name="customer_export"),
    path("customers/<str:customer>/erase", privacy.ErasureView.as_view(), name="customer_erase"),
    path("invoices/<int:invoice>/regenerate", regeneration.RegenerateView.as_view(), name="invoice_regenerate"),
    path("customers/<str:customer>/clone", clones.CloneView.as_view(), name="customer_clone"),
    path("customers/<str:customer>/usage", usage.UsageView.as_view(), name="usage"),
    path("customers/<str:customer>/entitlements", entitlements.EntitlementsView.as_view(), name="entitlements"),
    path("customers/<str:customer>/usage/breakdown", usage.BreakdownView.as_view(), name="usage_breakdown"),
    path("migrations", plan_migrations.MigrationsView.as_view(), name="migrations"),
    path("migrations/<int:number>", plan_migrations.MigrationView.as_view(), name="migration"),
    path("migrations/<int:number>/moves", plan_migrations.MovesView.as_view(), name="migration_moves"),
    path("migrations/<int:number>/preview", plan_migrations.MigrationPreviewView.as_view(), name="migration_preview"),
    path("migrations/<int:number>/tell", plan_migrations.MigrationNoticeView.as_view(), name="migration_tell"),
    path("migrations/<int:number>/run", plan_migrations.MigrationRunView.as_view(), name="migration_run"),
    path(
        "migrations/<int:number>/roll-back",
        plan_migrations.MigrationRollBackView.as_view(),
        name="migration_roll_back",
    ),
    path("migrations/<int:number>/drop", plan_migrations.MigrationDropView.as_view(), name="migration_drop"),
    path("subscriptions", views.SubscriptionsView.as_view(), name="subscriptions"),
    path("subscriptions/<str:subscription>", views.SubscriptionView.as_view(), name="subscription"),
    path("subscriptions/<str:subscription>/", include(subscription_urls)),
    path("customers/<str:customer>/spend-caps", spend_caps.CustomerCapsView.as_view(), name="customer_spend_caps"),
    path(
        "customers/<str:customer>/spend-caps/<int:number>",
        spend_caps.CustomerCapView.as_view(),
        name="customer_spend_cap",
    ),
]
