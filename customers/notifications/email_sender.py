"""The seller whose look an email has."""

from customers.brand.palette import palette
from customers.models import Seller
from lib.email_layout import DEFAULT_COLOR, EmailSender


def sender_of(seller: Seller) -> EmailSender:
    address = (seller.legal_name, seller.address_line1, f"{seller.postal_code} {seller.city}", seller.country)
    # The same shades as in the portal, whose darkest surfaces include the background of emails in a dark theme.
    shades = palette(seller.brand_color or DEFAULT_COLOR)
    return EmailSender(
        name=seller.legal_name,
        email=seller.email,
        color=shades.light.accent,
        dark_color=shades.dark.accent,
        logo=bytes(seller.logo.content) if seller.logo else b"",
        address=", ".join(part.strip() for part in address if part.strip()),
        portal=seller.portal_origin,
    )
