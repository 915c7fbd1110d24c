"""
Assets that a document may load: the fonts packaged here, and data: URIs. Networks and other files are unreachable.
"""

import os
from pathlib import Path
from urllib.request import DataHandler, Request

from weasyprint import CSS
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse

ASSETS = Path(__file__).parent / "assets"
SCHEME = "packaged:"
FONTS = {f"{SCHEME}{file.name}": file for file in (ASSETS / "fonts").glob("*.woff2")}


class AssetNotPackaged(ValueError):
    """A document requested an outside asset: unescaped text got into its markup."""


class PackagedAssetFetcher(URLFetcher):  # type: ignore[misc]  # WeasyPrint has no types
    """
    Serve packaged fonts and data: URIs, and reject everything else.

    A rejection stops the rendering, because only a bug makes a document request anything else. The base class's
    handlers for http, ftp and file are never added.
    """

    def __init__(self) -> None:
        # Not URLFetcher's own initializer: it would add those handlers.
        super(URLFetcher, self).__init__()
        self._fail_on_errors = True

    def fetch(self, url: str, headers: object = None) -> URLFetcherResponse:
        """
        Return the asset.

        :raises AssetNotPackaged: for anything but a packaged font or a data: URI.
        """
        if file := FONTS.get(url):
            return URLFetcherResponse(url, file.read_bytes(), {"Content-Type": "font/woff2"})
        if url.startswith("data:"):
            response = DataHandler().data_open(Request(url))  # noqa: S310  only data: URIs reach this line
            return URLFetcherResponse(url, response.read(), response.headers)
        raise AssetNotPackaged(f"The page refers to {url[:200]!r}, which the package does not include.")


FETCHER = PackagedAssetFetcher()

# Per process: a forked child must load its own fonts, and must not release its parent's, whose files would be
# deleted.
_styles: dict[int, tuple[CSS, FontConfiguration]] = {}


def load_style() -> tuple[CSS, FontConfiguration]:
    """
    Return the style sheet and its fonts, read once per process: reading takes a third of a short document's time.
    """
    process = os.getpid()
    if process not in _styles:
        fonts = FontConfiguration()
        sheet = CSS(filename=ASSETS / "invoice.css", url_fetcher=FETCHER, font_config=fonts)
        _styles[process] = sheet, fonts
    return _styles[process]
