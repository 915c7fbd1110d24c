from django.urls import include, path

from billing.api import jobs, plan_migrations, privacy
from billing.api.closing import invoices, late_usage, month_end
from billing.api.limits import alert_rules, alerts, check, entitlements, reservations, spend_caps
from billing.api.metering import corrections, event_trace, events, line_events, meters, unmatched_usage, usage
from billing.api.revenue import reports
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
    path("upcoming", invoices.UpcomingView.route("preview"), name="subscription_upcoming"),
    path("overrides", overrides.Overrides.route("list_all", "create"), name="overrides"),
    path("overrides/<int:number>/end", overrides.Overrides.route("end"), name="override_end"),
    path("commitments", commitments.Commitments.route("list_all", "create"), name="commitments"),
    path("commitments/<int:number>/end", commitments.Commitments.route("end"), name="commitment_end"),
    path("spend-caps", spend_caps.SubscriptionCaps.route("list_all", "create"), name="spend_caps"),
    path("spend-caps/<int:number>", spend_caps.SubscriptionCaps.route("read", "remove"), name="spend_cap"),
    path("coupons", coupons.Redemptions.route("list_all", "redeem"), name="redemptions"),
    path("coupons/<str:coupon>/remove", coupons.Redemptions.route("remove"), name="coupon_remove"),
    path("trial", trials.TrialView.route("end"), name="subscription_trial"),
    path("change", plan_changes.PlanChanges.route("change"), name="subscription_change"),
    path("change/withdraw", plan_changes.PlanChanges.route("withdraw"), name="subscription_change_withdraw"),
    path("quantities/<str:fee>", quantities.QuantityView.route("set_quantity"), name="subscription_quantity"),
    path("cancel", cancellations.Cancellations.route("cancel"), name="subscription_cancel"),
    path("draft", drafts.Drafts.route("replace", "discard"), name="subscription_draft"),
    path("activate", drafts.Drafts.route("activate"), name="subscription_activate"),
    path("pause", pauses.Pauses.route("pause"), name="subscription_pause"),
    path("resume", pauses.Pauses.route("resume"), name="subscription_resume"),
    path("cancel/preview", cancellations.Cancellations.route("preview"), name="subscription_cancel_preview"),
    path("cancel/withdraw", cancellations.Cancellations.route("withdraw"), name="subscription_cancel_withdraw"),
]

urlpatterns = [
    path("events", events.EventsView.route("send"), name="events"),
    path("events/corrections", corrections.CorrectionsView.route("correct"), name="corrections"),
    path("events/trace", event_trace.TraceView.route("trace"), name="trace"),
    path(
        "invoices/<int:invoice>/lines/<int:position>/events",
        line_events.LineEvents.route("list_all"),
        name="line_events",
    ),
    path(
        "invoices/<int:invoice>/lines/<int:position>/events.csv",
        line_events.LineEvents.route("download"),
        name="line_events_csv",
    ),
    path("test-clocks", test_clocks.Clocks.route("list_all", "create"), name="test_clocks"),
    path("test-clocks/<int:clock>", test_clocks.Clocks.route("read"), name="test_clock"),
    path("test-clocks/<int:clock>/advance", test_clocks.Clocks.route("advance"), name="test_clock_advance"),
    path("test-clocks/<int:clock>/retry", test_clocks.Clocks.route("retry"), name="test_clock_retry"),
    path("test-clocks/<int:clock>/stop", test_clocks.Clocks.route("stop"), name="test_clock_stop"),
    path("check", check.CheckView.route("check"), name="check"),
    path("reservations", reservations.Reservations.route("reserve"), name="reservations"),
    path("reservations/<int:number>", reservations.Reservations.route("read"), name="reservation"),
    path("reservations/<int:number>/commit", reservations.Reservations.route("commit"), name="reservation_commit"),
    path("reservations/<int:number>/release", reservations.Reservations.route("release"), name="reservation_release"),
    path("meters/<str:meter>/try", meters.TryMeterView.route("try_event"), name="meter_try"),
    path("alert-rules", alert_rules.AlertRules.route("list_all", "create"), name="alert_rules"),
    path("alert-rules/<int:number>", alert_rules.AlertRules.route("read", "remove"), name="alert_rule"),
    path("alerts", alerts.AlertsView.route("list_all"), name="alerts"),
    path("jobs/<int:number>", jobs.Jobs.route("read"), name="job"),
    path("jobs/<int:number>/result.csv", jobs.Jobs.route("download"), name="job_result"),
    path("simulations", simulations.Simulations.route("create"), name="simulations"),
    path("simulations/<int:number>", simulations.Simulations.route("read"), name="simulation"),
    path("simulations/<int:number>/bills", simulations.Simulations.route("list_bills"), name="simulated_bills"),
    path(
        "simulations/<int:number>/bills.csv",
        simulations.Simulations.route("download_bills"),
        name="simulated_bills_csv",
    ),
    path("month-end", month_end.MonthEndView.route("read"), name="month_end"),
    path("revenue/<str:report>", reports.RevenueReports.route("read"), name="revenue_report"),
    path("late-usage", late_usage.LateUsageView.route("read"), name="late_usage"),
    path("unmatched-usage", unmatched_usage.UnmatchedView.route("read"), name="unmatched_usage"),
    path("unmatched-usage/reports", unmatched_usage.Reports.route("list_all"), name="unmatched_reports"),
    path("unmatched-usage/dismiss", unmatched_usage.Reports.route("dismiss"), name="unmatched_dismiss"),
    path(
        "unmatched-usage/undo-dismissal",
        unmatched_usage.Reports.route("undo_dismissal"),
        name="unmatched_undo_dismissal",
    ),
    path("customers/<str:customer>/export", privacy.PersonalData.route("export"), name="customer_export"),
    path("customers/<str:customer>/erase", privacy.PersonalData.route("erase"), name="customer_erase"),
    path(
        "invoices/<int:invoice>/regenerate",
        invoices.RegenerateView.route("regenerate"),
        name="invoice_regenerate",
    ),
    path("customers/<str:customer>/clone", clones.CloneView.route("clone"), name="customer_clone"),
    path("customers/<str:customer>/usage", usage.Usage.route("read"), name="usage"),
    path(
        "customers/<str:customer>/entitlements", entitlements.EntitlementsView.route("list_all"), name="entitlements"
    ),
    path("customers/<str:customer>/usage/breakdown", usage.Usage.route("break_down"), name="usage_breakdown"),
    path("migrations", plan_migrations.Migrations.route("list_all", "create"), name="migrations"),
    path("migrations/<int:number>", plan_migrations.Migrations.route("read"), name="migration"),
    path("migrations/<int:number>/moves", plan_migrations.MovesView.route("list_all"), name="migration_moves"),
    path("migrations/<int:number>/preview", plan_migrations.Migrations.route("preview"), name="migration_preview"),
    path("migrations/<int:number>/tell", plan_migrations.Migrations.route("announce"), name="migration_tell"),
    path("migrations/<int:number>/run", plan_migrations.Migrations.route("run"), name="migration_run"),
    path(
        "migrations/<int:number>/roll-back",
        plan_migrations.Migrations.route("roll_back"),
        name="migration_roll_back",
    ),
    path("migrations/<int:number>/drop", plan_migrations.Migrations.route("discard"), name="migration_drop"),
    path("subscriptions", views.Subscriptions.route("list_all", "create"), name="subscriptions"),
    path("subscriptions/<str:subscription>", views.Subscriptions.route("read"), name="subscription"),
    path("subscriptions/<str:subscription>/", include(subscription_urls)),
    path(
        "customers/<str:customer>/coupons",
        coupons.CustomerRedemptions.route("list_all", "redeem"),
        name="customer_coupons",
    ),
    path(
        "customers/<str:customer>/coupons/<str:coupon>/remove",
        coupons.CustomerRedemptions.route("remove"),
        name="customer_coupon_remove",
    ),
    path(
        "customers/<str:customer>/spend-caps",
        spend_caps.CustomerCaps.route("list_all", "create"),
        name="customer_spend_caps",
    ),
    path(
        "customers/<str:customer>/spend-caps/<int:number>",
        spend_caps.CustomerCaps.route("read", "remove"),
        name="customer_spend_cap",
    ),
]
