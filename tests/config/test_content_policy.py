"""A browser loads and runs only content from this server."""

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from config.csp import PolicyByPath

PATHS = [
    # path                  may evaluate  may style in markup
    ("/portal/usage/", False, False),
    ("/api/v1/usage", False, False),
    ("/admin/billing/", True, True),
    ("/api/docs/", False, True),
    ("/elsewhere/admin/", False, False),
]


def directives(path: str) -> dict[str, str]:
    answer = PolicyByPath(lambda request: HttpResponse())(RequestFactory().get(path))
    parts = answer["Content-Security-Policy"].split("; ")
    return {name: value for name, _, value in (part.partition(" ") for part in parts)}


@pytest.mark.parametrize(("path", "evaluates", "styles"), PATHS)
def test_is_loosened_only_where_it_must_be(path: str, evaluates: bool, styles: bool):
    policy = directives(path)

    assert ("'unsafe-eval'" in policy.get("script-src", policy["default-src"])) is evaluates
    assert ("'unsafe-inline'" in policy.get("style-src", policy["default-src"])) is styles


@pytest.mark.parametrize("path", [path for path, *_ in PATHS])
def test_allows_no_inline_script_and_no_other_server(path: str):
    policy = directives(path)

    assert "'unsafe-inline'" not in policy.get("script-src", policy["default-src"])
    assert {word for value in policy.values() for word in value.split()} <= {
        "'self'",
        "'none'",
        "data:",
        "'unsafe-eval'",
        "'unsafe-inline'",
    }
