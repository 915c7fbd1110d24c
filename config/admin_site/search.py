"""The results of Ctrl+K: a few kinds of objects that users search by name, a few results of each."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from unfold.dataclasses import SearchResult

from billing.models import Subscription
from customers.models import Customer
from invoices.models import Invoice
from plans.models import Feature, Meter, Plan

KINDS: list[tuple[type[Model], str]] = [
    (Customer, "person"),
    (Invoice, "receipt_long"),
    (Subscription, "autorenew"),
    (Plan, "sell"),
    (Feature, "extension"),
    (Meter, "speed"),
]
# Results of each model: all models together fit on one screen.
MAX_EACH = 6


def find_results(request: HttpRequest, term: str) -> list[SearchResult]:
    """
    Return the matches of the kinds that the user may view. Events are never searched: they outnumber everything else.
    """
    return [result for model, icon in KINDS for result in _find_rows(request, term, model, icon)]


def _find_rows(request: HttpRequest, term: str, model: type[Model], icon: str) -> list[SearchResult]:
    page = admin.site._registry[model]
    if not page.has_view_or_change_permission(request):
        return []
    rows, _ = page.get_search_results(request, page.get_queryset(request), term)
    meta = model._meta
    return [
        SearchResult(
            title=str(row),
            description=str(meta.verbose_name).capitalize(),
            link=reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk]),
            icon=icon,
        )
        for row in rows[:MAX_EACH]
    ]
