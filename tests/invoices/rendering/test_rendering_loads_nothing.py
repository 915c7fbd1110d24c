"""For any name or note, rendering fetches nothing, and the file contains only the invoice's text and fonts."""

import contextlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from weasyprint import CSS
from weasyprint.urls import FatalURLFetchingError

from customers.brand.logos import LogoRefused, read_logo
from invoices.rendering.asset_loader import FONTS, AssetNotPackaged, PackagedAssetFetcher
from invoices.rendering.invoice_facts import Branding
from invoices.rendering.pdf_engine import AssetRefused, typeset
from invoices.rendering.pdf_file import render
from invoices.rendering.usage_facts import DimensionUsage
from invoices.rendering.wallet_facts import WalletRow, WalletStatement
from tests.invoices.rendering.pdf_reader import reader, text_of
from tests.invoices.rendering.samples import BUYER, SELLER, D, fee, invoice, meter_usage

pytestmark = pytest.mark.slow

SECRET = "the-secret-of-this-file-8d1f"


class Redirecting(http.server.BaseHTTPRequestHandler):
    secret = ""

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        self.send_response(302)
        self.send_header("Location", f"file://{self.secret}")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def secret(tmp_path):
    file = tmp_path / "secret.txt"
    file.write_text(SECRET)
    return file


@pytest.fixture
def listener(secret) -> Iterator[http.server.ThreadingHTTPServer]:
    """Run a server on the loopback address that redirects to the secret and records the requests."""
    handler = type("Handler", (Redirecting,), {"secret": str(secret)})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.requests = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


VECTORS = {
    "an attachment from a file": '<link rel="attachment" href="file://{file}">',
    "an attachment from the network": '<link rel="attachment" href="http://{host}/attachment">',
    "an attachment behind an anchor": '<a rel="attachment" href="file://{file}">x</a>',
    "an image": '<img src="http://{host}/image.png">',
    "an image from a file": '<img src="file://{file}">',
    "a style sheet": '<link rel="stylesheet" href="http://{host}/style.css">',
    "a style sheet from a file": '<link rel="stylesheet" href="file://{file}">',
    "an imported style sheet": '<style>@import url("http://{host}/import.css");</style>',
    "a background": '<p style="background: url(http://{host}/background.png)">x</p>',
    "a list's image": '<ul style="list-style-image: url(http://{host}/bullet.png)"><li>x</ul>',
    "generated content": "<style>p::before {{ content: url(http://{host}/content.png) }}</style><p>x</p>",
    "a font": "<style>@font-face {{ font-family: f; src: url(http://{host}/f.woff2) }} p {{ font: 9pt f }}</style>x",
    "an object": '<object data="file://{file}" type="image/svg+xml"></object>',
    "an embedded object": '<embed src="http://{host}/embedded.svg" type="image/svg+xml">',
    "an image in a drawing": '<svg width="9" height="9"><image href="http://{host}/x" width="9" height="9"/></svg>',
    "another part of a drawing": '<svg width="9" height="9"><use href="file://{file}#x"/></svg>',
    "a drawing in a data: URI": '<img src="data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22%3E'
    '%3Cimage href=%22file://{file}%22 width=%229%22 height=%229%22/%3E%3C/svg%3E">',
    "a base and a relative address": '<base href="http://{host}/"><img src="relative.png">',
    "a redirection to a file": '<img src="http://{host}/redirect">',
    "a path relative to nothing": '<img src="../../../../../../etc/hostname">',
    "another scheme": '<img src="ftp://{host}/x.png"><img src="gopher://{host}/x"><img src="packaged:../x.css">',
    "a color profile": '<style>@color-profile --x {{ src: url("file://{file}") }}</style><p>x</p>',
    "the end of the style sheet": "</style></title></svg><link rel=attachment href=file://{file}>",
    "a template": "{{% include '{file}' %}} {{{{ 7|add:7 }}}} {{{{ document.seller }}}}",
}


def filled(vector: str, listener, secret) -> str:
    return vector.format(host=f"127.0.0.1:{listener.server_port}", file=secret)


def holds(content: bytes, text: str) -> bool:
    """Return whether a file contains a text anywhere: in its bytes, attachments or streams."""
    pdf = reader(content)
    streams = [content, *(item.get_data() for item in _streams(pdf))]
    return any(text.encode() in stream for stream in streams)


def _streams(pdf):
    for number in range(1, pdf.trailer["/Size"]):
        pdf_object = pdf.get_object(number)
        if hasattr(pdf_object, "get_data"):
            yield pdf_object


def test_text_in_every_place_is_printed_and_nothing_else(listener, secret):
    vectors = [filled(vector, listener, secret) for vector in VECTORS.values()]
    text = " ".join(vectors)
    first = vectors[0]
    facts = invoice(
        *(fee("19.00", vector) for vector in vectors),
        seller=replace(SELLER, legal_name=first, city=first),
        buyer=replace(BUYER, legal_name=text, address_line1=text, email=first, tax_number=first),
        note=text,
        bank_details=text,
        footer=text,
        purchase_order=first,
        number=first,
        tax_reason=text,
        brand_color=f"url(http://127.0.0.1:{listener.server_port}/)",
        branding=Branding(
            company_number=first,
            accent_color=f"url(http://127.0.0.1:{listener.server_port}/)",
            account_holder=text,
            iban=first,
            bic=first,
            payment_terms=text,
            notes=text,
        ),
    )
    values = tuple((vector, D(1)) for vector in vectors)
    usage = meter_usage(name=text, unit=first, dimensions=(DimensionUsage(first, values),))
    wallet = WalletStatement(text, first, (first, first), (WalletRow(text, first, text),))
    content = render(facts, [usage], [wallet])
    printed_text = text_of(content).replace(" ", "")
    for vector in vectors:
        assert printed_text.count(vector.replace(" ", "")) >= 4, vector
    assert listener.requests == []
    assert not holds(content, SECRET)
    assert "/EmbeddedFiles" not in reader(content).trailer["/Root"].get("/Names", {})


PICTURES = {
    "a drawing that shows another picture": '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
    '<image href="http://{host}/x.png" width="9" height="9"/></svg>',
    "a drawing that shows a file": '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
    '<image href="file://{file}" width="9" height="9"/></svg>',
    "a drawing with a style sheet": '<?xml-stylesheet href="http://{host}/x.css"?>'
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><style>@import "http://{host}/y.css";</style></svg>',
    "a drawing with an entity": '<!DOCTYPE svg [<!ENTITY x SYSTEM "file://{file}">]>'
    '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="9"><text y="9">&x;</text></svg>',
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_logo_that_is_no_picture_is_rejected_and_would_load_nothing(name, listener, secret):
    """The form accepts pixels only. Even if the bytes were stored, rendering would fetch nothing."""
    uploaded = filled(PICTURES[name], listener, secret).encode()
    with pytest.raises(LogoRefused):
        read_logo(uploaded)
    with contextlib.suppress(AssetRefused):
        assert not holds(render(invoice(fee("19.00"), branding=Branding(logo=uploaded))), SECRET)
    assert listener.requests == []


def test_hostile_text_stays_text_in_the_xml(listener, secret):
    text = " ".join(filled(vector, listener, secret) for vector in VECTORS.values())
    facts = invoice(
        fee("19.00", text[:300]),
        note=text,
        buyer=replace(BUYER, legal_name=text, address_line1="&file; <!ENTITY file SYSTEM 'file://x'>"),
        branding=Branding(notes=text, payment_terms=text, e_invoices="always"),
    )
    content = render(facts)
    (xml,) = reader(content).attachments["factur-x.xml"]
    root = ElementTree.fromstring(xml)  # noqa: S314  ours
    names = [element.text for element in root.iter() if element.tag.endswith("}Name")]
    assert text[:300] in names
    assert text in names
    assert listener.requests == []
    assert not holds(content, SECRET)


@pytest.mark.parametrize("name", [name for name in VECTORS if name != "a template"])
def test_unescaped_markup_loads_nothing(name, listener, secret):
    """The second defense: the same vectors as markup, as if a text had not been escaped."""
    page = (
        f"<!DOCTYPE html><html lang=en><title>x</title><body>{filled(VECTORS[name], listener, secret)}</body></html>"
    )
    with contextlib.suppress(AssetRefused):
        content = typeset(page)
        assert not holds(content, SECRET)
        assert "/EmbeddedFiles" not in reader(content).trailer["/Root"].get("/Names", {})
    assert listener.requests == []


def test_most_vectors_work_without_the_restricted_fetcher(listener, secret):
    """The vectors of the tests above are real: WeasyPrint's own fetcher loads them."""
    from weasyprint import HTML

    HTML(string=filled(VECTORS["an image"], listener, secret)).write_pdf()
    content = HTML(string=filled(VECTORS["an attachment from a file"], listener, secret)).write_pdf()
    assert listener.requests == ["/image.png"]
    assert holds(content, SECRET)


REFUSED = [
    "http://127.0.0.1/",
    "https://example.org/x.css",
    "file:///etc/passwd",
    "ftp://127.0.0.1/x",
    "packaged:../invoice.css",
    "packaged:Inter-Regular.woff2?x",
    "PACKAGED:Inter-Regular.woff2",
    "DATA:text/plain,x",
    "//127.0.0.1/x",
    "Inter-Regular.woff2",
    "",
]


@pytest.mark.parametrize("url", REFUSED)
def test_only_packaged_names_and_data_are_served(url):
    with pytest.raises(AssetNotPackaged):
        PackagedAssetFetcher()(url)


def test_packaged_fonts_and_data_are_served():
    fetcher = PackagedAssetFetcher()
    assert fetcher("data:text/css,p%7B%7D").read() == b"p{}"
    assert {fetcher(url).read()[:4] for url in FONTS} == {b"wOF2"}


def test_a_style_sheet_with_an_import_is_refused():
    with pytest.raises(FatalURLFetchingError):
        CSS(string="@import 'http://127.0.0.1:9/';", url_fetcher=PackagedAssetFetcher())
