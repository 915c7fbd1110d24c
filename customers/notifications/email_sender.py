"""The seller whose look an email has."""

from customers.brand.colors import contrast_on_white
from customers.models import Seller
from lib.email_layout import DEFAULT_COLOR, EmailSender

LEGIBLE_TEXT = 4.6
"""Contrast of links and of the texts of buttons; WCAG 2.2, 1.4.3 requires 4.5."""

DARK_CARD = "#16191c"
"""The background of an email in a dark theme: templates/email/mail.html."""

STEPS = 20


def sender_of(seller: Seller) -> EmailSender:
    address = (seller.legal_name, seller.address_line1, f"{seller.postal_code} {seller.city}", seller.country)
    color = seller.brand_color or DEFAULT_COLOR
    return EmailSender(
        name=seller.legal_name,
        email=seller.email,
        color=darkened_for_white(color),
        dark_color=lightened_for_dark(color),
        logo=bytes(seller.logo.content) if seller.logo else b"",
        address=", ".join(part.strip() for part in address if part.strip()),
        portal=seller.portal_origin,
    )


def darkened_for_white(color: str) -> str:
    """Return the color, mixed with as little black as makes it legible on white."""
    mixed_colors = (_mix(color, "#000000", step) for step in range(STEPS + 1))
    return next(mixed for mixed in mixed_colors if contrast_on_white(mixed) >= LEGIBLE_TEXT)


def lightened_for_dark(color: str) -> str:
    """Return the color, mixed with as little white as makes it legible on the dark card."""
    background = contrast_on_white(DARK_CARD)
    mixed_colors = (_mix(color, "#ffffff", step) for step in range(STEPS + 1))
    return next(mixed for mixed in mixed_colors if background / contrast_on_white(mixed) >= LEGIBLE_TEXT)


def _mix(color: str, other: str, step: int) -> str:
    """Return `step` of `STEPS` parts of the other color, and the rest of this one."""
    parts = zip(_parts(color), _parts(other), strict=True)
    return "#" + "".join(f"{round((ours * (STEPS - step) + theirs * step) / STEPS):02x}" for ours, theirs in parts)


def _parts(color: str) -> tuple[int, ...]:
    return tuple(int(color[start : start + 2], 16) for start in (1, 3, 5))
