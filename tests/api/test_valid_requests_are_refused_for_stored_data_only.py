"""
A request that fits the schema is refused only for the data that is stored: each other bound is declared.

Schemathesis generates requests to each operation that changes something, and names rows that exist. A refusal by one
of `SHAPE_CODES` is one that the schema could have declared, unless `EXCEPTIONS` gives the reason why not.
"""

import json
import logging
import re
from urllib.parse import quote, urlencode

import pytest
import schemathesis
from django.db import transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core import NotSet

from customers.models.api_keys import Scope
from lib.task_clock import database_time
from tests.api.calls import Caller
from tests.prove.api_data import add_rows, make_data, path_values
from tests.prove.contract_notes import kind_of

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

EXAMPLES = 6
NAMES = ("customer", "subject", "subscription", "plan", "feature", "seller", "pack", "coupon", "invoice")
EXCEPTIONS = {
    # field                         why the schema can't declare it
    r".*timestamp|.*time|used_at": "The bounds depend on the time of the request.",
    r".*(properties|data)(\..*)?": "JSON Schema bounds neither the digits of a fraction nor values within values.",
    r"time_zone": "The IANA adds and renames time zones.",
    r"iban": "Its last bound are check digits.",
    r"POST .*/commit": "As of properties: each value of an event is free.",
    r"test_clock": "It depends on the key: a live customer has no test clock.",
}


@pytest.fixture(scope="module")
def rows(shared_transaction):
    """Create rows that requests can name; return the callers, and path → the values of its parameters."""
    logging.disable(logging.WARNING)
    _, known = make_data()
    callers = [Caller(scopes=Scope.values, sandbox=sandbox, at=database_time()) for sandbox in (False, True)]
    add_rows(callers[0])
    yield callers, path_values(callers, known), {name: known[name] for name in NAMES}
    logging.disable(logging.NOTSET)


def test_every_other_bound_is_declared(rows):
    callers, paths, names = rows
    document = json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str))
    _name_rows(document, names)
    operations = [result.ok() for result in schemathesis.openapi.from_dict(document).get_all_operations()]
    refusals = []
    for operation in operations:
        if operation.method != "get":
            caller = callers["test-clocks" in operation.path]
            refusals += _refusals(caller, operation, paths.get(operation.path, [{}]))

    assert sum(operation.method != "get" for operation in operations) > 90
    assert not refusals, "\n".join(refusals)


def _refusals(caller, operation, path_values):
    """Send valid requests to an operation, and return those that are refused for their shape."""
    found = {}

    @seed(7)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=GenerationMode.POSITIVE), st.sampled_from(path_values))
    def send(case, values):
        parameters = {**(case.path_parameters or {}), **values}
        path = re.sub(r"\{(\w+)\}", lambda match: quote(str(parameters[match[1]]), safe=""), operation.path)
        query = f"?{urlencode(case.query, doseq=True)}" if case.query else ""
        body = b"" if isinstance(case.body, NotSet) else case.body
        with transaction.atomic():
            response = caller.send(operation.method.upper(), path.removeprefix("/api/v1") + query, body)
            transaction.set_rollback(True)
        for field, reason in _reasons(response):
            if kind_of(response.status_code, reason) == "shape" and not _is_excepted(field or operation.label):
                found.setdefault(reason, f"{operation.label}: {reason}: {path}{query} {body!r}"[:600])

    send()
    return list(found.values())


def _reasons(response):
    """Return (field, “field: code”) of each fault of a refused request."""
    if response.status_code < 400:
        return []
    problem = response.json()
    faults = [(error["field"], f"{error['field']}: {error['code']}") for error in problem.get("errors", ())]
    return faults or [("", f"{problem['type'].removeprefix('/problems/')}: {problem['detail']}")]


def _is_excepted(field):
    return any(re.fullmatch(pattern, re.sub(r"^[0-9]+\.|replacement\.", "", field), re.S) for pattern in EXCEPTIONS)


def _name_rows(part, names):
    """Let fields and parameters that name rows have the names of rows that exist."""
    if isinstance(part, list):
        for child in part:
            _name_rows(child, names)
    elif isinstance(part, dict):
        properties = part.get("properties", {})
        for name in set(names) & set(properties):
            kind = properties[name].get("type")
            if kind in ("string", "integer") and "enum" not in properties[name]:
                properties[name] = {"enum": names[name]}
        for child in part.values():
            _name_rows(child, names)
