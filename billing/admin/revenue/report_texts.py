"""The sentences of report pages, which explain the figures of each."""

from django.utils.translation import gettext_lazy as _

NET, WITH_TAX = _("Amounts are net of tax."), _("Amounts are with tax.")

SENTENCES = {
    "income": _("Revenue as it is earned, less credit notes and discounts, with unused prepaid value that expired."),
    "waterfall": _("Each row is the revenue first booked in a month; its columns are the months that earn it."),
    "deferred": _("Invoiced, and earned later: each month opens with the closing balance of the month before."),
    "prepaid": _("Sold packs and wallet money that customers have not used yet, and that has not expired."),
    "unbilled": _("Earned, and not yet invoiced: usage and fees in arrears of open billing periods."),
    "receivables": _("Invoiced, and not yet paid: each month opens with the closing balance of the month before."),
    "aging": _("Open invoices by the days since their due date, the customers that owe most first."),
    "margin": _("Revenue of usage less the unit costs of the same hours."),
    "tax": _("Tax of invoices, credit notes and write-offs by name and rate."),
    "losses": _("Amounts given back or given up: credit notes and bad debt, less later recoveries."),
    "trial-balance": _("All balances of the books. Debits equal credits, which proves the other reports."),
    "obligations": _("Paid or agreed, and still to be earned: the remaining performance obligation."),
    "revenue-retention": _(
        "Revenue of a month from the customers of twelve months before, compared with theirs then."
    ),
    "reconciliation": _("Invoices, payments, refunds and the provider against the books. Each difference is zero."),
}
TAX_NOTES = {
    "receivables": WITH_TAX,
    "aging": WITH_TAX,
    "tax": _("Amounts are tax."),
    "reconciliation": WITH_TAX,
    "trial-balance": _("Receivables are with tax; tax has balances of its own."),
}
"""Reports whose amounts are not net of tax."""
DIVISIONS = {
    "kind": _("Kind"),
    "plan": _("Plan"),
    "feature": _("Feature"),
    "customer": _("Customer"),
    "country": _("Country"),
}
