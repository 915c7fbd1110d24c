"""The page that shows a secret once."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from lib.admin import staff_page


def secret_page(request: HttpRequest, *, title: str, name: Any, secret: str, back: str) -> HttpResponse:
    """Show a secret, on a page that no cache keeps. name: whose secret it is."""
    response = staff_page(request, "staff/customers/secret.html", title=title, name=name, secret=secret, back=back)
    response["Cache-Control"] = "no-store"
    return response
