"""Customers and their contacts."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from tollbook_client import serialization
from tollbook_client.money import Money
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
    role: str = "viewer"
    billing: bool = True
    alerts: bool = True


@dataclass(frozen=True, slots=True)
class Coupon:
    """A percentage or an amount off. period_months: length of a customer's coupon period."""

    code: str
    name: str
    percent: Decimal | None
    amount: Money | None
    duration: str
    periods: int | None = None
    period_months: int = 1
    carries_over: bool = False


@dataclass(frozen=True, slots=True)
class CustomerCoupon:
    """
    A coupon that a customer has or had for all its subscriptions.

    code: the promotion code that redeemed it. invoices: number of invoices discounted so far.
    amount_left: in the current coupon period; None for a percentage.
    """

    coupon: Coupon
    code: str | None
    position: int
    since: datetime
    invoices: int
    coupon_periods_left: int | None
    amount_left: Money | None
    ended_at: datetime | None
    ended_reason: str = ""


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
        role: str = serialization.OMITTED,
        billing: bool = serialization.OMITTED,
        alerts: bool = serialization.OMITTED,
        idempotency_key: str | None = None,
    ) -> Contact:
        """Add a contact. role: its rights in the portal: admin, billing, viewer or none."""
        body = serialization.without_omitted(
            email=email, name=name, language=language, role=role, billing=billing, alerts=alerts
        )
        path = f"/customers/{quote(id, safe='')}/contacts"
        return self._call(Contact, "POST", path, body=body, idempotency_key=idempotency_key)

    def coupons(self, id: str) -> Pages[CustomerCoupon]:
        """Return the coupons that the customer has or had for all its subscriptions."""
        return self._pages(CustomerCoupon, f"/customers/{quote(id, safe='')}/coupons")

    def redeem_coupon(
        self,
        id: str,
        *,
        coupon: str = serialization.OMITTED,
        code: str = serialization.OMITTED,
        idempotency_key: str | None = None,
    ) -> CustomerCoupon:
        """
        Apply a coupon, or the coupon of a promotion code, to all subscriptions of the customer.

        :raises Conflict: if it can't be redeemed.
        """
        body = serialization.without_omitted(coupon=coupon, code=code)
        path = f"/customers/{quote(id, safe='')}/coupons"
        return self._call(CustomerCoupon, "POST", path, body=body, idempotency_key=idempotency_key)

    def remove_coupon(self, id: str, coupon: str, *, reason: str = serialization.OMITTED) -> CustomerCoupon:
        """Remove a coupon of the customer; issued invoices do not change."""
        path = f"/customers/{quote(id, safe='')}/coupons/{quote(coupon, safe='')}/remove"
        return self._call(CustomerCoupon, "POST", path, body=serialization.without_omitted(reason=reason))
