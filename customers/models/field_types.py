"""Field types of rows that belong to a seller."""

from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    from customers.models.sellers import Seller


class CustomersSellerField(models.ForeignKey["Seller", "Seller"]):
    """
    The seller of a row that has a `customer`: docs/invoices.md#several-sellers.

    A row stored without a seller gets the customer's, the way `auto_now_add` fills in a time.
    """

    def __init__(self, to: Any = "customers.Seller", on_delete: Any = models.PROTECT, **options: Any) -> None:
        super().__init__(to, on_delete, **options)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Return the id to store. add: whether the row is new."""
        if getattr(model_instance, self.attname) is None:
            setattr(model_instance, self.attname, model_instance.customer.seller_id)  # type: ignore[attr-defined]
        return super().pre_save(model_instance, add)
