"""Sellers: the legal entities that issue invoices."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tollbook_client.pages import Pages
from tollbook_client.resources import Resource


@dataclass(frozen=True, slots=True)
class Seller:
    """A legal entity that issues invoices. grace: seconds to wait for late events before a period is invoiced."""

    code: str
    legal_name: str
    country: str
    currency: str
    time_zone: str
    locale: str
    net_days: int
    grace: int
    zero_invoices: str
    late_usage: str
    address_line1: str = ""
    address_line2: str = ""
    postal_code: str = ""
    city: str = ""
    region: str = ""
    tax_number: str = ""
    company_number: str = ""
    email: str = ""
    account_holder: str = ""
    iban: str = ""
    bic: str = ""
    bank_details: str = ""
    payment_terms: str = ""
    notes: str = ""
    footer: str = ""
    brand_color: str = ""
    accent_color: str = ""
    paper: str = ""
    shows_usage: bool = True
    shows_wallets: bool = False
    e_invoices: str = "never"
    frame_ancestors: tuple[str, ...] = ()
    portal_host: str = ""
    no_usage_text: str = ""


class Sellers(Resource):
    """`client.sellers`. Creating and changing a seller needs a live key."""

    def list(self) -> Pages[Seller]:
        """Return all sellers."""
        return self._pages(Seller, "/sellers")

    def get(self, code: str) -> Seller:
        """
        Return a seller.

        :raises NotFound: if it does not exist.
        """
        return self._call(Seller, "GET", f"/sellers/{quote(code, safe='')}")

    def create(
        self, code: str, *, legal_name: str, country: str, idempotency_key: str | None = None, **details: Any
    ) -> Seller:
        """Create a seller. details: other fields of Seller."""
        body = {"code": code, "legal_name": legal_name, "country": country, **details}
        return self._call(Seller, "POST", "/sellers", body=body, idempotency_key=idempotency_key)

    def update(self, code: str, **details: Any) -> Seller:
        """Change the given fields only."""
        return self._call(Seller, "PATCH", f"/sellers/{quote(code, safe='')}", body=details)
