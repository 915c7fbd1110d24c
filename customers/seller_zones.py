"""The time zones of the sellers, in which staff name dates."""

from customers.models import Seller


def read_seller_zones() -> list[str]:
    """Return the time zone of each seller, in the order in which the sellers were added."""
    return list(Seller.objects.order_by("pk").values_list("time_zone", flat=True))
