"""The page that shows a secret once."""

from django.http import HttpRequest, HttpResponse

from lib.admin import staff_page


def secret_page(request: HttpRequest, *, title: str, secret: str, back: str) -> HttpResponse:
    """Show a secret, on a page that is never cached. title: names the owner of the secret."""
    response = staff_page(request, "staff/customers/secret.html", title=title, secret=secret, back=back)
    response["Cache-Control"] = "no-store"
    return response
