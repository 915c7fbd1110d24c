"""Finding customers by what staff remember of them: for the customers' own list, and for lists of what is theirs."""

from django.db.models import Q

from customers.models import Customer

MOST = 50
"""Customers whose rows one search of another list looks for."""


def customer_matches(term: str) -> Q:
    """Return the condition that a part of a customer's name, or the start of the external id, is `term`."""
    return Q(legal_name__icontains=term) | Q(external_id__startswith=term)


def find_customer_ids(term: str) -> list[int]:
    """
    Return the ids of the first customers found.

    Other lists ask for these first, and then for what is theirs by an index: a search over both tables at once would
    walk the longer one.
    """
    return list(Customer.objects.filter(customer_matches(term)).values_list("pk", flat=True)[:MOST])
