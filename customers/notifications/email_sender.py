"""The seller whose look an email has."""

from dataclasses import dataclass
from typing import NamedTuple

from customers.models import Seller

DEFAULT_COLOR = "#1f3a5f"
DARKEST_LIGHT = 150
"""Brightness (0 to 255) above which a color gets dark text."""


class Attachment(NamedTuple):
    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class EmailSender:
    """
    A seller in its emails.

    email: for replies. color: of the button. logo: a PNG. address: one line.
    portal: the origin of its portal; empty if none is configured.
    """

    name: str = ""
    email: str = ""
    color: str = DEFAULT_COLOR
    logo: bytes = b""
    address: str = ""
    portal: str = ""

    @property
    def text_color(self) -> str:
        """Black or white, whichever is legible on the color."""
        red, green, blue = (int(self.color[start : start + 2], 16) for start in (1, 3, 5))
        brightness = (299 * red + 587 * green + 114 * blue) / 1000
        return "#1c2430" if brightness > DARKEST_LIGHT else "#ffffff"


NO_SENDER = EmailSender()


def sender_of(seller: Seller) -> EmailSender:
    address = (seller.legal_name, seller.address_line1, f"{seller.postal_code} {seller.city}", seller.country)
    return EmailSender(
        name=seller.legal_name,
        email=seller.email,
        color=seller.brand_color or DEFAULT_COLOR,
        logo=bytes(seller.logo.content) if seller.logo else b"",
        address=", ".join(part.strip() for part in address if part.strip()),
        portal=seller.portal_origin,
    )
