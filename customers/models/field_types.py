"""Field types of rows that belong to a seller."""

from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    from customers.models.sellers import Seller

    SellerKey = models.ForeignKey[Seller, Seller]
else:
    SellerKey = models.ForeignKey


class CustomersSellerField(SellerKey):
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


def fill_seller(table: str) -> str:
    """
    Return the SQL that fills `seller_id` from the customer of each row, or from the credit note of a refund.

    Append-only tables refuse updates, so the triggers are off meanwhile. The foreign keys are checked at once,
    because a table with pending checks can't be altered later in the transaction.
    """
    note = "(SELECT i.seller_id FROM invoices_invoice i WHERE i.id = r.note_id)" if "refund" in table else "NULL"
    return f"""
        ALTER TABLE {table} DISABLE TRIGGER USER;
        UPDATE {table} r SET seller_id = coalesce({note}, c.seller_id)
        FROM customers_customer c WHERE c.id = r.customer_id;
        SET CONSTRAINTS ALL IMMEDIATE;
        ALTER TABLE {table} ENABLE TRIGGER USER;
    """  # noqa: S608
