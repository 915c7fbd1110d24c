"""Fields of requests that name a seller."""

from typing import Any

from rest_framework import serializers

from customers.models import Seller


class SellerField(serializers.SlugRelatedField):  # type: ignore[type-arg]  # its generic takes none at run time
    """The code of a seller; optional."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            slug_field="code",
            queryset=Seller.objects.all(),
            **{"required": False, "help_text": "Code of the seller; default: the customer's seller.", **options},
        )
