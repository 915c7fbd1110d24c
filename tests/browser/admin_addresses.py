"""The address of each page of the back office, on a row of the full books."""

from collections.abc import Iterator

from django.test import Client

from tests.access.routes import Route, routes
from tests.access.rows import place

NO_PAGE = ("/export/", "/jsi18n/", "/autocomplete/", "/logout/", "/download/", "/r/")
"""Parts of addresses that answer with data, or lead elsewhere."""


def admin_pages(client: Client, *, part: int, parts: int) -> Iterator[str]:
    """
    Yield the addresses that answer a GET of the client with a whole page of HTML; each once.

    part, parts: every `parts`th route from the one numbered `part` on, so that several tests share the work.
    """
    pages = [
        route for route in routes() if route.area == "admin" and not any(word in _path(route) for word in NO_PAGE)
    ]
    for route in sorted(pages, key=_path)[part::parts]:
        address = route.address(place(route)[0])
        response = client.get(address)
        is_html = response.headers.get("Content-Type", "").startswith("text/html")
        if response.status_code == 200 and is_html and b"</html>" in response.content:
            yield address


def _path(route: Route) -> str:
    return f"/{route.path}"
