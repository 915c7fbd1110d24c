"""Help: the pages of docs/ that staff need, shown in the frame of the site."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import slugify
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

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
    tree = _read_tree(name)
    title = next(_text_of(heading) for heading in _headings(tree) if heading.tag == "h1")
    return HelpPage(name, title, _render(tree, name))


@cache
def _topics() -> tuple[HelpTopic, ...]:
    return tuple(topic for name in PAGES for topic in _topics_of(name))


def _topics_of(name: str) -> Iterator[HelpTopic]:
    page = read_page(name)
    for heading in _headings(_read_tree(name)):
        title = _text_of(heading)
        yield HelpTopic(title, page.title, f"{reverse('admin:help', args=[name])}#{slugify(title)}")


def _read_tree(name: str) -> SyntaxTreeNode:
    text = (Path(settings.BASE_DIR) / "docs" / f"{name}.md").read_text()
    return SyntaxTreeNode(MarkdownIt("commonmark", {"html": False}).enable("table").parse(text))


def _headings(tree: SyntaxTreeNode) -> Iterator[SyntaxTreeNode]:
    return (node for node in tree.children if node.tag in _HEADINGS)


def _text_of(node: SyntaxTreeNode) -> str:
    """Return the text below a node, without its markup."""
    return "".join(part.content for part in node.walk() if part.type in {"text", "code_inline"})


def _render(node: SyntaxTreeNode, name: str) -> SafeString:
    """
    Return the HTML of a node of a page, its texts escaped.

    Links to other pages of the docs lead to their help page; links to other files are plain text, and pictures are
    left out, because help has neither.
    """
    inside = format_html_join("", "{}", ((_render(child, name),) for child in node.children))
    match node.type:
        case "root" | "inline":
            return inside
        case "text" | "html_block" | "html_inline":
            return format_html("{}", node.content)
        case "softbreak":
            return format_html("{}", "\n")
        case "code_inline":
            return format_html("<code>{}</code>", node.content)
        case "fence" | "code_block":
            return format_html("<pre><code>{}</code></pre>", node.content)
        case "heading":
            return format_html('<{0} id="{1}">{2}</{0}>', node.tag, slugify(_text_of(node)), inside)
        case "link":
            address = _address(str(node.attrs["href"]), name)
            return format_html('<a href="{}">{}</a>', address, inside) if address else inside
        case "image":
            return format_html("{}", "")
        case "hr" | "hardbreak":
            return format_html("<{}>", node.tag)
    return format_html("<{0}>{1}</{0}>", node.tag, inside)


def _address(target: str, name: str) -> str:
    """Return where a link of a page leads; empty if help has no such page."""
    path, _hash, anchor = target.partition("#")
    if not path or target.startswith(("https://", "http://", "mailto:")):
        return target
    page = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)).removesuffix(".md")
    if page not in PAGES:
        return ""
    return reverse("admin:help", args=[page]) + (f"#{anchor}" if anchor else "")
