"""Customers and their contacts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from tollbook_client import serialization
from tollbook_client.pages import Pages
from tollbook_client.resources import Resource


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer that is billed. id: your own id of the customer."""

    id: str
    seller: str
    legal_name: str
    country: str
    currency: str
    time_zone: str
    locale: str
    sandbox: bool
    created_at: datetime
    address_line1: str = ""
    address_line2: str = ""
    postal_code: str = ""
    city: str = ""
    region: str = ""
    tax_number: str = ""
    email: str = ""
    purchase_order: str = ""
    tax_exemption: str = ""
    test_clock: int | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """A person or mailbox that receives a customer's email."""

    id: int
    email: str
    name: str = ""
    language: str = ""
    billing: bool = True
    alerts: bool = True


class Customers(Resource):
    """`client.customers`."""

    def list(self) -> Pages[Customer]:
        """Return all customers that the key may see."""
        return self._pages(Customer, "/customers")

    def get(self, id: str) -> Customer:
        """
        Return a customer.

        :raises NotFound: if it does not exist.
        """
        return self._call(Customer, "GET", f"/customers/{quote(id, safe='')}")

    def create(
        self, id: str, *, legal_name: str, country: str, idempotency_key: str | None = None, **details: Any
    ) -> Customer:
        """
        Create a customer. details: other fields of Customer.

        :raises Conflict: if the id is taken.
        """
        body = {"id": id, "legal_name": legal_name, "country": country, **details}
        return self._call(Customer, "POST", "/customers", body=body, idempotency_key=idempotency_key)

    def update(self, id: str, **details: Any) -> Customer:
        """Change the given fields only."""
        return self._call(Customer, "PATCH", f"/customers/{quote(id, safe='')}", body=details)

    def contacts(self, id: str) -> Pages[Contact]:
        """Return the customer's contacts."""
        return self._pages(Contact, f"/customers/{quote(id, safe='')}/contacts")

    def add_contact(
        self,
        id: str,
        email: str,
        *,
        name: str = serialization.OMITTED,
        language: str = serialization.OMITTED,
        billing: bool = serialization.OMITTED,
        alerts: bool = serialization.OMITTED,
        idempotency_key: str | None = None,
    ) -> Contact:
        """Add a contact."""
        body = serialization.without_omitted(
            email=email, name=name, language=language, billing=billing, alerts=alerts
        )
        path = f"/customers/{quote(id, safe='')}/contacts"
        return self._call(Contact, "POST", path, body=body, idempotency_key=idempotency_key)
