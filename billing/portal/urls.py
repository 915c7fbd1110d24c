from django.urls import path

from billing.portal.limits import limits, remove_budget, remove_spend_cap, set_budget, set_spend_cap
from billing.portal.line_events import line_events, line_events_table
from billing.portal.overview import overview
from billing.portal.plan import enter_code, plan
from billing.portal.plan_change import change_plan
from billing.portal.usage import usage
from billing.portal.usage_csv import table

LINE = "invoices/<int:number>/lines/<int:position>/events"

urlpatterns = [
    path("", overview, name="portal_overview"),
    path("usage", usage, name="portal_usage"),
    path("usage.csv", table, name="portal_usage_table"),
    path("limits", limits, name="portal_limits"),
    path("limits/budgets", set_budget, name="portal_set_budget"),
    path("limits/budgets/<int:number>/remove", remove_budget, name="portal_remove_budget"),
    path("limits/caps", set_spend_cap, name="portal_set_cap"),
    path("limits/caps/<int:number>/remove", remove_spend_cap, name="portal_remove_cap"),
    path("plan", plan, name="portal_plan"),
    path("plan/<int:number>/code", enter_code, name="portal_enter_code"),
    path("plan/<int:number>/change", change_plan, name="portal_change_plan"),
    path(LINE, line_events, name="portal_line_events"),
    path(f"{LINE}.csv", line_events_table, name="portal_line_events_table"),
]
