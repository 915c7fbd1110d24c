"""A site shows pages of Tollbook in frames: only if it is allowed, at their height, and with new tokens."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import time_machine
from axe_playwright_python.sync_playwright import Axe
from django.db import connections
from playwright.sync_api import Page, expect

from customers.portal_auth.embed_tokens import create_embed_token
from plans.models import Plan
from tests.browser.chromium import chromium, find
from tests.portal.accounts import TODAY, Account, make_account
from tests.portal.embedding import allow_sites, token_of

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
WIDTHS = (390, 1366)


class Site(ThreadingHTTPServer):
    """A site of the product, by the names `localhost` and `127.0.0.1`: two origins, as browsers see it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Responder)
        self.files: dict[str, tuple[str, str]] = {}
        self.policy = ""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def address(self, host: str = "localhost") -> str:
        return f"http://{host}:{self.server_port}"

    def show(self, body: str, *, script: str = "", tollbook: str) -> None:
        """Serve a page under a policy that allows Tollbook and no inline code or style."""
        head = f'''
            <meta charset="utf-8"><link rel="icon" href="data:,"><script src="/site.js"></script>
            <script src="{tollbook}/static/embed/tollbook-embed.js" defer></script>
        '''
        page = f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>'
        self.files = {"/": ("text/html", page), "/site.js": ("text/javascript", script)}
        self.policy = f"default-src 'none'; img-src data:; script-src 'self' {tollbook}; frame-src {tollbook}"


class _Responder(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        kind, content = self.server.files.get(self.path, ("text/plain", ""))
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", self.server.policy)
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *_: object) -> None:
        """Keep the test's output quiet."""


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as server:
        yield server
        server.shutdown()


@pytest.fixture
def browser(monkeypatch):
    if find() is None:
        pytest.skip("There is no Chromium, and Ubuntu has no package of it: put one on PATH.")
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with time_machine.travel(TODAY, tick=True), chromium() as driver:
        yield driver
        connections.close_all()


@pytest.fixture
def account(browser, site) -> Account:
    account = make_account("walnut")
    Plan.objects.update(is_public=True)
    allow_sites(site.address())
    return account


def open_page(browser, errors: list[str]) -> Page:
    page = browser.new_context().new_page()
    page.set_default_timeout(60_000)
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    return page


def test_frames_show_on_the_allowed_site_only(browser, live_server, site, account):
    secret, errors = token_of(account.customer)[1], []
    embedded = f"{live_server.url}/embed/{secret}"
    site.show(
        f'<tollbook-usage src="{embedded}/usage"></tollbook-usage>'
        f'<tollbook-balance src="{embedded}/balance" title="Credits"></tollbook-balance>'
        f'<tollbook-portal src="{embedded}/portal/"></tollbook-portal>'
        f'<tollbook-pricing src="{live_server.url}/pricing/{account.customer.seller.code}"></tollbook-pricing>',
        tollbook=live_server.url,
    )
    page = open_page(browser, errors)
    page.goto(site.address())
    for title, text in {
        "usage": "walnut calls by day",
        "Credits": "Prepaid balance",
        "portal": "Projected by",
        "pricing": "$49.00",
    }.items():
        frame = page.frame_locator(f'iframe[title="{title}"]')
        expect(frame.locator("body")).to_contain_text(text)
        height = frame.locator("html").evaluate("html => html.offsetHeight")
        expect(page.locator(f'iframe[title="{title}"]')).to_have_css("height", f"{height}px")

    # Without cookies, links of the portal stay in the frame.
    portal = page.frame_locator('iframe[title="portal"]')
    portal.get_by_role("link", name="Invoices", exact=True).click()
    expect(portal.locator("main")).to_contain_text(account.invoice.number)
    assert errors == []

    # Another site shows nothing.
    page = open_page(browser, errors)
    page.goto(site.address("127.0.0.1"))
    expect(page.locator("iframe")).to_have_count(4)
    page.wait_for_timeout(2_000)
    assert [frame.url for frame in page.frames[1:]] == ["chrome-error://chromewebdata/"] * 4
    assert len([error for error in errors if "frame-ancestors" in error]) == 4


def test_the_site_is_asked_for_a_new_token(browser, live_server, site, account):
    errors: list[str] = []
    _, ending = create_embed_token(
        customer=account.customer, pages=["usage"], lifetime=timedelta(seconds=40), at=TODAY
    )
    fresh = token_of(account.customer)[1]
    site.show(
        f'<tollbook-usage src="{live_server.url}/embed/{ending}/usage"></tollbook-usage>',
        script=f"""
            addEventListener("tollbook-expiring", ({{ target }}) => {{
                document.title += "asked ";
                target.setAttribute("src", "{live_server.url}/embed/{fresh}/usage");
            }});
        """,
        tollbook=live_server.url,
    )
    page = open_page(browser, errors)
    page.goto(site.address())
    expect(page.locator("iframe")).to_have_attribute("src", f"{live_server.url}/embed/{fresh}/usage")
    expect(page.frame_locator("iframe").locator("body")).to_contain_text("walnut calls by day")
    page.wait_for_timeout(3_000)
    assert page.title() == "asked", "once"
    assert errors == []


def test_the_site_learns_which_plan_is_chosen(browser, live_server, site, account):
    errors: list[str] = []
    pricing = f"{live_server.url}/pricing/{account.customer.seller.code}"
    site.show(
        f'<tollbook-pricing src="{pricing}?choose=1"></tollbook-pricing>',
        script='addEventListener("tollbook-choose", (event) => { document.title = event.detail.plan; });',
        tollbook=live_server.url,
    )
    page = open_page(browser, errors)
    page.goto(site.address())
    page.frame_locator("iframe").get_by_role("button", name="Choose Bigger-W").click()
    expect(page).to_have_title("bigger-w")
    assert errors == []


def test_messages_of_other_windows_are_ignored(browser, live_server, site, account):
    errors: list[str] = []
    site.show(
        f'<tollbook-pricing src="{live_server.url}/pricing/{account.customer.seller.code}"></tollbook-pricing>',
        script="""
            addEventListener("message", ({ data }) => {
                if (data.plan === "forged") document.body.append("received ");
            });
            addEventListener("tollbook-choose", (event) => { document.title = event.detail.plan; });
        """,
        tollbook=live_server.url,
    )
    message = '{source: "tollbook", height: 9, seconds: 0, plan: "forged"}'
    site.policy += " 'self'"
    site.files["/other"] = ("text/html", '<script src="/post.js"></script>')
    site.files["/post.js"] = ("text/javascript", f"parent.postMessage({message}, '*');")
    page = open_page(browser, errors)
    page.goto(site.address())
    expect(page.frame_locator("iframe").locator("body")).to_contain_text("$49.00")
    height = page.locator("iframe").evaluate("frame => frame.style.height")
    page.evaluate(f"window.postMessage({message}, '*')")
    page.evaluate("document.querySelector('iframe').src = '/other'")  # the same frame, of another origin
    expect(page.locator("body")).to_have_text("received received")

    assert page.locator("iframe").evaluate("frame => frame.style.height") == height
    assert page.title() == ""
    assert errors == []


def test_embedded_pages_are_accessible_in_both_themes(browser, live_server, account):
    secret, errors = token_of(account.customer)[1], []
    page = open_page(browser, errors)
    problems = []
    for path in (f"embed/{secret}/usage", f"embed/{secret}/balance", f"pricing/{account.customer.seller.code}"):
        for theme in ("light", "dark"):
            page.goto(f"{live_server.url}/{path}?theme={theme}&choose=1")
            page.evaluate("document.querySelectorAll('details').forEach(element => element.open = true)")
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 800})
                excess = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                problems += [f"{path} is too wide for {width}"] if excess > 0 else []
            problems += [
                f"{path} {theme}: {violation['id']} {[node['target'] for node in violation['nodes']][:3]}"
                for violation in Axe().run(page).response["violations"]
                if violation["impact"] in ("serious", "critical")
            ]
    assert problems == []
    assert errors == []
