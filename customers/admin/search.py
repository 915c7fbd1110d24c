"""Search for customers, in the list of customers and in lists of their rows."""

from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from customers.models import Customer
from lib.admin.labels import find_by_metadata

MOST = 50
"""Maximum customers whose rows one search of another list includes."""


def customer_matches(term: str) -> Q:
    """Return the condition that a customer's name contains `term` or the external id starts with it."""
    return Q(legal_name__icontains=term) | Q(external_id__startswith=term)


def find_customer_ids(term: str) -> list[int]:
    """
    Return the ids of the first matching customers.

    Other lists query these first and then their own rows by index: a search over both tables at once would scan the
    larger one.
    """
    return list(Customer.objects.filter(customer_matches(term)).values_list("pk", flat=True)[:MOST])


class CustomerSearch:
    """
    Searches a list for the rows of customers.

    customer_path: from a row to its customer. exact_field: rows that have the whole term there are shown alone.
    start_field: rows whose field starts with the term are shown with the customers' rows.
    fold: how a term is written in these two fields.
    labels_path: from a row to its metadata, such as `labels__`, if rows are found by `key:value`.
    """

    customer_path = "customer"
    exact_field = ""
    start_field = ""
    labels_path: str | None = None
    fold: Callable[[str], str] = staticmethod(str)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        term = search_term.strip()
        if not term:
            return queryset, False
        if self.exact_field and (exact := queryset.filter(**{self.exact_field: self.fold(term)})).exists():
            return exact, False
        if self.labels_path is not None:
            labeled = find_by_metadata(queryset, term, path=self.labels_path)
            if labeled is not None:
                return labeled, False
        matches = Q(**{f"{self.customer_path}__in": find_customer_ids(term)})
        if self.start_field:
            matches |= Q(**{f"{self.start_field}__startswith": self.fold(term)})
        return queryset.filter(matches), False
