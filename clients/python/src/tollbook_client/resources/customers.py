"""Customers and their contacts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from tollbook_client import serialization
from tollbook_client.connection import Connection
from tollbook_client.deserialization import read
from tollbook_client.pages import Pages


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


class Customers:
    """`client.customers`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self) -> Pages[Customer]:
        """Return all customers that the key may see."""
        return Pages(self._connection, "/customers", Customer)

    def get(self, id: str) -> Customer:
        """
        Return a customer.

        :raises NotFound: if it does not exist.
        """
        return read(Customer, self._connection.json("GET", f"/customers/{quote(id, safe='')}"))

    def create(
        self, id: str, *, legal_name: str, country: str, idempotency_key: str | None = None, **details: Any
    ) -> Customer:
        """
        Create a customer. details: other fields of Customer.

        :raises Conflict: if the id is taken.
        """
        body = {"id": id, "legal_name": legal_name, "country": country, **details}
        document = self._connection.json("POST", "/customers", body=body, idempotency_key=idempotency_key)
        return read(Customer, document)

    def update(self, id: str, **details: Any) -> Customer:
        """Change the given fields only."""
        return read(Customer, self._connection.json("PATCH", f"/customers/{quote(id, safe='')}", body=details))

    def contacts(self, id: str) -> Pages[Contact]:
        """Return the customer's contacts."""
        return Pages(self._connection, f"/customers/{quote(id, safe='')}/contacts", Contact)

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
        return read(Contact, self._connection.json("POST", path, body=body, idempotency_key=idempotency_key))
