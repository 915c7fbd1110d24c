"""Help: the pages of docs/ that staff need, shown in the frame of the site."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from markdown_it import MarkdownIt
from markdown_it.token import Token

from lib.admin import staff_page

PAGES = (
    *("architecture", "guides/price-a-plan", "guides/migrate-customers", "guides/close-a-month"),
    *("guides/investigate-a-bill", "glossary", "pricing", "price-lists", "publishing", "simulation", "migration"),
    *("metering", "wallets", "limits", "alerts", "closing", "invoices", "payments", "tax", "e-invoices"),
    *("recognition", "revenue-reports", "metrics", "postings", "accounting-files", "adapters", "data-drop"),
    *("exchange-rates", "runbook-month-end", "runbook-alerts", "runbook-wallets", "runbook-webhooks", "approvals"),
    *("access", "audit-log", "audit", "sandbox", "portal", "webhooks", "jobs", "personal-data", "data-model"),
)
"""The pages of docs/, in the order of their list. Those for developers and operators stay in the repository."""

_HEADINGS = {"h1", "h2", "h3"}


@dataclass(frozen=True, slots=True)
class HelpPage:
    """A page of the docs. name: its path below docs/, without the suffix."""

    name: str
    title: str
    html: SafeString


@dataclass(frozen=True, slots=True)
class HelpTopic:
    """A heading of a page, with its link."""

    title: str
    page: str
    link: str


def help_page(request: HttpRequest, name: str) -> HttpResponse:
    """
    Show a page of the docs.

    :raises Http404: if help has no such page.
    """
    if name not in PAGES:
        raise Http404(f"There is no help page {name}.")
    page = read_page(name)
    pages = [read_page(other) for other in PAGES]
    return staff_page(request, "staff/frame/help.html", title=page.title, name=name, text=page.html, pages=pages)


def search_help(term: str) -> Iterator[HelpTopic]:
    """Yield the headings that hold every word of a term."""
    words = [word for word in re.findall(r"\w+", term.casefold()) if len(word) > 2]
    if not words:
        return
    for topic in _topics():
        if all(word in topic.title.casefold() for word in words):
            yield topic


@cache
def read_page(name: str) -> HelpPage:
    """Read and render a page of the docs, once for each process."""
    tokens = _parser().parse(_text(name))
    for token, content in _headings(tokens):
        token.attrSet("id", slugify(content.content))
    title = next(content.content for token, content in _headings(tokens) if token.tag == "h1")
    html = _parser().renderer.render(tokens, _parser().options, {})
    # The project's own files, and the parser escapes the HTML in them.
    return HelpPage(name, title, mark_safe(_with_links(name, html)))  # noqa: S308


@cache
def _topics() -> tuple[HelpTopic, ...]:
    return tuple(topic for name in PAGES for topic in _topics_of(name))


def _topics_of(name: str) -> Iterator[HelpTopic]:
    for _heading, content in _headings(_parser().parse(_text(name))):
        link = f"{reverse('admin:help', args=[name])}#{slugify(content.content)}"
        yield HelpTopic(content.content, read_page(name).title, link)


def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _text(name: str) -> str:
    return (Path(settings.BASE_DIR) / "docs" / f"{name}.md").read_text()


def _headings(tokens: list[Token]) -> Iterator[tuple[Token, Token]]:
    """Yield each heading's token with the token of its text."""
    for token, following in pairwise(tokens):
        if token.type == "heading_open" and token.tag in _HEADINGS:
            yield token, following


def _with_links(name: str, html: str) -> str:
    """
    Let links to other pages of the docs lead to their help page.

    Links to other files lose their address, and pictures are left out: help has neither.
    """
    folder = posixpath.dirname(name)

    def rewrite(match: re.Match[str]) -> str:
        target, _, anchor = match["target"].partition("#")
        if match["target"].startswith(("#", "https://", "http://", "mailto:")):
            return match[0]
        path = posixpath.normpath(posixpath.join(folder, target)).removesuffix(".md")
        if path not in PAGES:
            return match["text"]
        link = reverse("admin:help", args=[path]) + (f"#{anchor}" if anchor else "")
        return f'<a href="{link}">{match["text"]}</a>'

    html = re.sub(r"<img [^>]*>", "", html)
    return re.sub(r'<a href="(?P<target>[^"]*)">(?P<text>.*?)</a>', rewrite, html, flags=re.DOTALL)
