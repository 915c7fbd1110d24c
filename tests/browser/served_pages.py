"""
Pages in a browser without a server: each request of the browser is answered by Django's test client.

So the pages of a whole module can be opened on rows that its transaction shares and rolls back.
"""

from pathlib import Path
from urllib.parse import urlsplit

from django.contrib.staticfiles import finders
from django.test import Client
from playwright.sync_api import Page, Route

HOST = "http://testserver"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".woff2": "font/woff2"}


def serve(page: Page, client: Client) -> None:
    """Answer all requests of a page by a client, and those for static files from the project's folders."""

    def answer(route: Route) -> None:
        address = urlsplit(route.request.url)
        if f"{address.scheme}://{address.netloc}" != HOST:
            route.abort()
        elif address.path.startswith("/static/"):
            file = finders.find(address.path.removeprefix("/static/"))
            if file is None:
                route.fulfill(status=404)
            else:
                suffix = Path(str(file)).suffix
                route.fulfill(path=str(file), content_type=TYPES.get(suffix, "application/octet-stream"))
        else:
            path = f"{address.path}?{address.query}" if address.query else address.path
            response = client.get(path, headers={"host": "testserver"}, follow=True)
            body = b"".join(response.streaming_content) if response.streaming else response.content
            route.fulfill(status=response.status_code, body=body, headers=dict(response.headers))

    page.route("**/*", answer)
