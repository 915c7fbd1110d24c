"""Search for customers, in the list of customers and in lists of their rows."""

from django.db.models import Q

from customers.models import Customer

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
