"""The command bar: finds objects, actions on them, pages of the menu and help by a few words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from billing.models import Subscription
from config.admin_site.help_pages import search_help
from config.admin_site.menu import Menu
from customers.models import Customer
from invoices.models import Invoice
from lib.admin import staff_page
from lib.translation import Text
from plans.models import Feature, Meter, Plan

OBJECTS: list[tuple[type[Model], str]] = [
    (Customer, "person"),
    (Invoice, "receipt_long"),
    (Subscription, "autorenew"),
    (Plan, "sell"),
    (Feature, "extension"),
    (Meter, "speed"),
]
"""Models that are searched, with their icons. Events are never searched: they outnumber everything else."""

MAX_EACH = 5
MAX_ACTIONS = 8
MAX_QUERY = 200
ACTIONS_OF = 2
"""The number of objects whose actions are offered."""

# The first character of a query narrows it.
_NARROWING = {">": "actions", "#": "documents", "@": "customers", "?": "help"}


@dataclass(frozen=True, slots=True)
class Hit:
    """A result: a link, with an icon of Material Symbols and a note at the end of its line."""

    title: Text
    link: str
    icon: str
    note: Text = ""


@dataclass(frozen=True, slots=True)
class HitGroup:
    """Results of one kind, under a heading."""

    title: Text
    hits: list[Hit]


def command(request: HttpRequest) -> HttpResponse:
    """Show the results of a query: as a part for the command bar, as a page without scripts."""
    query = "".join(filter(str.isprintable, request.GET.get("q", ""))).strip()[:MAX_QUERY]
    context = {"query": query, "groups": find_hits(request, query) if query else []}
    if request.headers.get("HX-Request"):
        return render(request, "staff/frame/command_hits.html", context)
    return staff_page(request, "staff/frame/command.html", title=_("Search or run"), **context)


def find_hits(request: HttpRequest, query: str) -> list[HitGroup]:
    """
    Return the results that the user may see, in groups; a group without results is left out.

    query: some words of a name or number, perhaps after the first words of an action, such as “credit US-000025”.
    """
    narrowed_to = _NARROWING.get(query[0])
    term = query[1:].strip() if narrowed_to else query
    if not term:
        return []
    verb, rows = _find_subjects(request, term, narrowed_to)
    groups = [
        HitGroup(_("Customers and documents"), [] if narrowed_to == "actions" else [_hit(row) for row in rows]),
        HitGroup(_("Actions"), list(_actions(request, rows, verb, term)) if narrowed_to in {None, "actions"} else []),
        HitGroup(_("Pages"), _pages(request, term) if narrowed_to is None else []),
        HitGroup(_("Help"), _help(term) if narrowed_to in {None, "help"} else []),
    ]
    if verb:
        # An action was named: it is the first result, and Enter opens it.
        groups[:2] = groups[1::-1]
    return [group for group in groups if group.hits]


def _find_subjects(request: HttpRequest, term: str, narrowed_to: str | None) -> tuple[str, list[Model]]:
    """Return the rows that a query names, and the words before them if only the rest names rows."""
    if narrowed_to == "help":
        return "", []
    words = term.split()
    for start in range(min(len(words), 3)):
        if rows := _find_rows(request, " ".join(words[start:]), narrowed_to):
            return " ".join(words[:start]), rows
    return "", []


def _find_rows(request: HttpRequest, term: str, narrowed_to: str | None) -> list[Model]:
    only = {"documents": Invoice, "customers": Customer}.get(narrowed_to or "")
    rows: list[Model] = []
    for model, _icon in OBJECTS:
        page: Any = admin.site._registry[model]
        if only in {None, model} and page.has_view_or_change_permission(request):
            matching, _distinct = page.get_search_results(request, page.get_queryset(request), term)
            rows += matching[:MAX_EACH]
    return rows


def _hit(row: Model) -> Hit:
    meta = row._meta
    link = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    return Hit(str(row), link, dict(OBJECTS)[type(row)], capfirst(str(meta.verbose_name)))


def _actions(request: HttpRequest, rows: list[Model], verb: str, term: str) -> Iterator[Hit]:
    """Yield the actions offered on the first rows, and forms that add an object."""
    offered = [action for row in rows[:ACTIONS_OF] for action in _actions_on(request, row)]
    offered += _additions(request) if not rows else []
    wanted = verb or ("" if rows else term)
    matching = [action for action in offered if _matches(str(action.title), wanted)]
    yield from matching[:MAX_ACTIONS]


def _actions_on(request: HttpRequest, row: Model) -> Iterator[Hit]:
    page: Any = admin.site._registry[type(row)]
    for action in page.get_actions_detail(request, row.pk):
        yield Hit(
            f"{action.description}: {row}",
            reverse(f"admin:{action.action_name}", args=[row.pk]),
            action.icon or "play_arrow",
            capfirst(str(row._meta.verbose_name)),
        )


def _additions(request: HttpRequest) -> Iterator[Hit]:
    for model, page in admin.site._registry.items():
        meta = model._meta
        if page.has_add_permission(request):
            title = _("Add %(name)s") % {"name": meta.verbose_name}
            yield Hit(title, reverse(f"admin:{meta.app_label}_{meta.model_name}_add"), "add")


def _pages(request: HttpRequest, term: str) -> list[Hit]:
    hits = [
        Hit(page.title, page.link, area.icon, f"{area.title} › {section.title}")
        for area, section, page in Menu(request).find_pages()
        if _matches(f"{page.title} {section.title} {page.synonyms}", term)
    ]
    return hits[:MAX_EACH]


def _help(term: str) -> list[Hit]:
    hits = [Hit(topic.title, topic.link, "menu_book", topic.page) for topic in search_help(term)]
    return hits[:MAX_EACH]


def _matches(text: str, term: str) -> bool:
    """Return whether each word of the term begins a word of the text."""
    words = re.findall(r"\w+", text.casefold())
    return all(any(word.startswith(part) for word in words) for part in re.findall(r"\w+", term.casefold()))
