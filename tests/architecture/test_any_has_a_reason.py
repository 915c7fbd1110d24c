"""
`Any` stands only where one of these reasons holds: in a shape that explains itself, or in a module that is listed.

docs/decisions/0048-uses-of-any.md explains the shapes.
"""

import ast
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from config.paths import PROJECT
from tests.architecture.source import APPS, files

CONTAINERS = {
    "an object by name": ("dict", "defaultdict", "Mapping", "MutableMapping"),
    "a row or values of one": ("tuple", "list", "set", "frozenset", "Sequence", "Iterable", "Iterator", "Collection"),
    "a function of any signature": ("Callable", "ParamSpec"),
}
"""Reason → the generic types whose parameter is `Any`. Every other generic type is a class of a library."""

GENERIC = "a parameter of a library's generic class"

MODULES = {
    "Django's admin and its theme pass rows, forms and pages of every model through untyped methods": (
        *(f"{app}/admin" for app in ("billing", "wallets", "invoices", "customers", "plans")),
        *("lib/admin", "config/admin_site", "access/admin"),
    ),
    "REST framework's representations are JSON, of rows of every model": (
        *("lib/api", "billing/api", "wallets/api", "invoices/api", "plans/api"),
        "customers/api/sellers.py",
    ),
    "values that a customer sends: JSON of any type, checked here": (
        "plans/aggregation/expressions",
        "plans/aggregation/json_numbers.py",
        "billing/metering/ingest",
        "billing/metering/imports",
        "billing/metering/store/counter_store.py",
        "billing/limits/reservations/usage_events.py",
        "customers/customer_time.py",
    ),
    "JSON that another system gets or sends": (
        "billing/revenue/adapters/adapter.py",
        "billing/revenue/adapters/api_client.py",
    ),
    "the client's JSON, before it is read into a class": ("clients/python/src/tollbook_client",),
    "a value of any column, made into text": (
        "billing/privacy/data_export.py",
        "billing/revenue/data_drop",
        "plans/catalog/version_snapshot.py",
        "plans/price_lists",
        "wallets/ledger/hash_chain.py",
        "lib/tabular_files.py",
    ),
    "a row with named columns, which psycopg makes as the statement says": (
        "billing/closing/period_reader.py",
        "billing/closing/commitments",
        "billing/closing/lines",
        "billing/metering/rating_inputs",
    ),
    "keys and sums of five kinds, compared alike": ("billing/audit/usage/sum_comparison.py",),
    "parameters of a statement, by name or by position": ("lib/prepared_statements.py",),
    "objects of a library without types: allauth, Stripe, WeasyPrint, lxml, Celery, pgtrigger's operations": (
        "access/sign_in",
        "invoices/payments/providers/stripe.py",
        "invoices/rendering/pdf_file.py",
        "invoices/rendering/pdf_attachments.py",
        "invoices/rendering/einvoice/xml_writer.py",
        "lib/task_clock.py",
        "lib/operation_batches.py",
        "lib/triggers.py",
        "customers/notifications/http_client.py",
    ),
    "a field's or a manager's method, which Django leaves untyped": (
        *("lib/field_types.py", "wallets/models"),
        "customers/models/field_types.py",
        "access/approvals",
    ),
    "bytes of any type, which Python 3.11 has no name for": ("billing/closing/pdf_archives/archives.py",),
    "a row of the model that the caller names": ("customers/portal/visit.py",),
}
"""Reason → the packages and modules in which other uses of `Any` have it."""

SOURCES = (*APPS, "clients/python/src")


@cache
def uses(source: str) -> Sequence[tuple[int, str]]:
    """Return (line, reason) of every `Any` in a source text; the reason is empty unless the shape gives it."""
    if "Any" not in source:
        return ()
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    return tuple(
        (node.lineno, shape_of(node, parents)) for node in parents if isinstance(node, ast.Name) and node.id == "Any"
    )


def shape_of(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> str:
    """Return the reason that the nearest generic type or the parameter around a name gives, if any."""
    while node in parents:
        parent = parents[node]
        if isinstance(parent, ast.Subscript):
            name = ast.unparse(parent.value)
            return next((reason for reason, names in CONTAINERS.items() if name in names), GENERIC)
        if isinstance(parent, ast.arguments) and node in (parent.vararg, parent.kwarg):
            return "passed on"
        if isinstance(parent, ast.FunctionDef | ast.ClassDef):
            return ""
        node = parent
    return ""


def is_listed(path: Path) -> bool:
    places = {str(place) for place in (path, *path.parents)}
    return any(place in places for listed in MODULES.values() for place in listed)


def test_every_other_any_is_in_a_listed_module():
    offenders = [
        f"{path.relative_to(PROJECT)}:{line}"
        for path in files(*SOURCES)
        for line, reason in uses(path.read_text(encoding="utf-8"))
        if not reason and not is_listed(path.relative_to(PROJECT))
    ]

    assert offenders == [], "give it a type, or its module a reason"


def test_the_arithmetic_of_prices_and_credits_has_none():
    sources = files("plans/pricing", "lib/decimals.py", "lib/money.py")

    assert [path.name for path in sources if uses(path.read_text(encoding="utf-8"))] == []


def test_every_listed_module_needs_its_reason():
    unlisted_uses = Counter(
        place
        for path in files(*SOURCES)
        for _, reason in uses(path.read_text(encoding="utf-8"))
        if not reason
        for place in map(str, (path.relative_to(PROJECT), *path.relative_to(PROJECT).parents))
    )

    assert [place for places in MODULES.values() for place in places if not unlisted_uses[place]] == []


def test_shapes_are_recognized():
    source = "def f(a: Any, *args: Any, b: dict[str, Any], c: QuerySet[Any], **kwargs: Any) -> tuple[Any, ...]: ..."

    assert Counter(reason for _, reason in uses(source)) == {
        "": 1,
        "passed on": 2,
        "an object by name": 1,
        GENERIC: 1,
        "a row or values of one": 1,
    }
