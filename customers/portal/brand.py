"""The look of a seller in the portal: its name, logo, shades and support contact; and the files that pages load."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from customers.brand.palette import style_name, style_sheet
from customers.models import Logo, Seller
from customers.portal_auth.origins import seller_of_host

DEFAULT_COLOR = "#1f3a5f"
COLOR_DIGITS = 6
# The same on each page, also on one whose links begin with a path of its own.
FILES = "/portal/brand/"
# The address of a file changes with its content.
IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}


@dataclass(frozen=True, slots=True)
class Brand:
    """
    A seller on a page. name: empty where it is not known yet which seller the visitor deals with.

    style, logo: addresses of files; logo is empty without one. email: for questions. address: one line.
    """

    name: str
    style: str
    logo: str
    email: str
    address: str


def brand_of(seller: Seller | None) -> Brand:
    """Return the look of a seller; None: a neutral look."""
    style = f"{FILES}{style_name(seller.brand_color if seller else DEFAULT_COLOR)}.css"
    if seller is None:
        return Brand("", style, "", "", "")
    town = f"{seller.postal_code} {seller.city}".strip()
    logo = f"{FILES}{seller.logo_id}.png" if seller.logo_id else ""
    address = ", ".join(part for part in (seller.legal_name, seller.address_line1, town) if part)
    return Brand(seller.legal_name, style, logo, seller.email, address)


def seller_before_sign_in(request: HttpRequest) -> Seller | None:
    """Return the seller whom a visitor without a session deals with: of the host, or the only one."""
    seller = seller_of_host(request)
    if seller is not None:
        return seller
    sellers = list(Seller.objects.order_by("pk")[:2])
    return sellers[0] if len(sellers) == 1 else None


def render_open_page(
    request: HttpRequest,
    template: str,
    context: dict[str, object] | None = None,
    *,
    seller: Seller | None = None,
    status: int = 200,
) -> HttpResponse:
    """Return a page for a visitor without a session. seller: if the page knows it; else of the host."""
    brand = brand_of(seller or seller_before_sign_in(request))
    return render(request, f"portal/{template}", {"brand": brand, **(context or {})}, status=status)


@require_safe
def style(request: HttpRequest, name: str) -> HttpResponseBase:
    """Send the style sheet of a brand color: `style_name` gives the name."""
    color = f"#{name[:COLOR_DIGITS]}"
    try:
        is_current = len(color) == COLOR_DIGITS + 1 and style_name(color) == name
    except ValueError:  # not hexadecimal
        is_current = False
    if not is_current:
        raise Http404
    return HttpResponse(style_sheet(color), content_type="text/css; charset=utf-8", headers=IMMUTABLE)


@require_safe
def logo(request: HttpRequest, sha256: str) -> HttpResponseBase:
    """Send a logo, which invoices show as well."""
    content = Logo.objects.filter(pk=sha256).values_list("content", flat=True).first()
    if content is None:
        raise Http404
    return HttpResponse(bytes(content), content_type="image/png", headers=IMMUTABLE)
