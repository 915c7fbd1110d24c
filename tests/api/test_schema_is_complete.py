"""The OpenAPI schema is valid, has no warnings and covers every address; every address declares its scopes."""

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator

from customers.api_keys.authentication import ApiKeyAuthentication
from customers.api_keys.permissions import HasScope
from customers.models.api_keys import Scope

METHODS = ("get", "post", "put", "patch", "delete")


def addresses(patterns=None, prefix: str = "") -> Iterator[tuple[str, type, dict[str, str]]]:
    """Yield (path with {names}, view class, method → name of the operation) for every address under /api/v1."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern) and path.startswith("api/v1/"):
            actions = {method: name for method, name in pattern.callback.actions.items() if method != "head"}
            yield "/" + path, pattern.callback.cls, actions


def as_template(path: str) -> str:
    """Return a path in OpenAPI's notation: <str:plan> → {plan}."""
    for part in path.split("<")[1:]:
        inside = part.split(">")[0]
        path = path.replace(f"<{inside}>", "{" + inside.split(":")[-1] + "}")
    return path


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


def operations(schema):
    return {
        f"{method.upper()} {path}": operation
        for path, item in schema["paths"].items()
        for method, operation in item.items()
    }


def test_it_is_valid_openapi_without_a_warning(tmp_path):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))

    assert (tmp_path / "schema.yml").read_text().startswith("openapi: 3.1.0")


def test_it_has_every_address_and_method_and_no_other(schema):
    declared = {f"{method.upper()} {as_template(path)}" for path, _, actions in addresses() for method in actions}

    assert len(declared) >= 15
    assert set(operations(schema)) == declared


def test_every_method_of_every_address_declares_its_scope():
    assert [path for path, view, actions in addresses() if not declares_its_scopes(view, actions)] == []


def declares_its_scopes(view: type, actions: dict[str, str]) -> bool:
    declared = {getattr(view, name).operation.method: getattr(view, name).operation for name in actions.values()}
    return (
        HasScope in view.permission_classes
        and ApiKeyAuthentication in view.authentication_classes
        and set(declared) == set(actions) <= set(METHODS)
        and {operation.scope for operation in declared.values()} <= set(Scope.values)
    )


def test_an_address_has_only_the_methods_of_its_operations():
    assert [path for path, view, _ in addresses() if any(hasattr(view, method) for method in METHODS)] == []


def test_no_address_changes_anything_by_get():
    readers = [(path, getattr(view, actions["get"])) for path, view, actions in addresses() if "get" in actions]

    assert [path for path, reader in readers if reader.operation.scope not in ("read", "revenue:read")] == []


def test_every_operation_has_an_address():
    served = {getattr(view, name) for _, view, actions in addresses() for name in actions.values()}
    declared = {
        value
        for view in {view for _, view, _ in addresses()}
        for value in vars(view).values()
        if hasattr(value, "operation")
    }

    assert declared <= served


def test_every_operation_has_a_summary_a_key_and_its_problems(schema):
    for name, operation in operations(schema).items():
        assert operation["summary"], name
        assert operation["security"] == [{"apiKey": []}], name
        assert "Needs the scope `" in operation["description"], name
        assert {"401", "403", "429", "500", "503"} <= set(operation["responses"]), name
        for status, response in operation["responses"].items():
            if status >= "400" and status != "414":
                content = response["content"]["application/problem+json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, name
                assert {example["value"]["status"] for example in content["examples"].values()} == {int(status)}, name


def test_every_creating_post_takes_an_idempotency_key_but_events_which_have_ids(schema):
    keyed = {
        name
        for name, operation in operations(schema).items()
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", []))
    }
    creating = {name for name, operation in operations(schema).items() if "201" in operation["responses"]}

    assert creating <= keyed
    assert {"POST /api/v1/customers", "POST /api/v1/subscriptions"} <= creating
    assert "POST /api/v1/events" not in keyed


def test_the_only_scheme_is_a_bearer_key(schema):
    schemes = schema["components"]["securitySchemes"]

    assert [(scheme["type"], scheme["scheme"]) for scheme in schemes.values()] == [("http", "bearer")]
