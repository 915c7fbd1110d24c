"""A browser loads and runs only what comes from this server."""

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
    found = directives(path)

    assert ("'unsafe-eval'" in found.get("script-src", found["default-src"])) is evaluates
    assert ("'unsafe-inline'" in found.get("style-src", found["default-src"])) is styles


@pytest.mark.parametrize("path", [path for path, *_ in PATHS])
def test_lets_no_script_stand_in_markup_and_no_other_server_in(path: str):
    found = directives(path)

    assert "'unsafe-inline'" not in found.get("script-src", found["default-src"])
    assert {word for value in found.values() for word in value.split()} <= {
        "'self'",
        "'none'",
        "data:",
        "'unsafe-eval'",
        "'unsafe-inline'",
    }
