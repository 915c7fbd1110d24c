"""
Hooks of Schemathesis: requests name rows that exist, and each response is noted.

Schemathesis, which runs without Django, loads them from SCHEMATHESIS_HOOKS. INPUTS names a JSON file with `paths`
(path → values of its parameters), `names` (name of a field or parameter → values), `live` and `sandbox` (keys),
`seed`, and `notes`, the file of the responses.
"""

import json
import os
import random
import re
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.generation import GenerationMode

from tests.prove.contract_notes import INPUTS

# Other values than existing ones are sent, too: they are what a client mistypes.
SHARE_OF_ROWS = 0.85
KEY = "Idempotency-Key"
# Fields that identify something new, and those that are valid near the present only, with the time before it.
NEW_NAMES = ("id", "key", "reference")
TIMES = {
    "timestamp": timedelta(0),
    "time": timedelta(0),
    "until": timedelta(0),
    "since": timedelta(1),
    "month": timedelta(0),
}

_inputs = json.loads(Path(os.environ[INPUTS]).read_text())
_chance = random.Random(_inputs["seed"])
_lock = threading.Lock()


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Name existing rows, and use a key of the sandbox for its test clocks."""
    path, parameters = case.operation.path, case.path_parameters
    # A key that ends itself ends the campaign.
    is_risky = path.startswith("/api/v1/keys/")
    if parameters and (rows := _inputs["paths"].get(path)) and (is_risky or _chance.random() < SHARE_OF_ROWS):
        case.path_parameters = dict(parameters) | _chance.choice(rows)
    if _is_valid(case):
        if case.query:
            case.query = _with_rows(dict(case.query))
        if isinstance(case.body, dict | list):
            case.body = _with_rows(case.body)
    secret = _inputs["sandbox" if path.startswith("/api/v1/test-clocks") else "live"]
    case.headers = {**(case.headers or {}), "Authorization": f"Bearer {secret}"}
    if KEY in case.headers and _is_valid(case) and _chance.random() < SHARE_OF_ROWS:
        case.headers[KEY] = _new_name()


@schemathesis.hook
def after_call(context: HookContext, case: Case, response: Response) -> None:
    """Note the operation, whether the request fits the schema, the status, and the reason of a refusal."""
    note = [f"{case.method.upper()} {case.operation.path}", _is_valid(case), response.status_code, _reason(response)]
    with _lock, Path(_inputs["notes"]).open("a") as notes:
        notes.write(json.dumps(note) + "\n")


def _is_valid(case: Case) -> bool:
    return case.meta is None or case.meta.generation.mode is GenerationMode.POSITIVE


def _with_rows(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_rows(element) for element in value]
    return {name: _row(name, part) for name, part in value.items()} if isinstance(value, dict) else value


def _row(name: str, value: Any) -> Any:
    now = datetime.now(UTC)
    if name in TIMES and isinstance(value, str):
        if re.fullmatch(r"\d{4}-\d{2}", value):
            return f"{now:%Y-%m}"
        return (now - TIMES[name]).isoformat()
    if name in NEW_NAMES and isinstance(value, str) and _chance.random() < SHARE_OF_ROWS:
        return _new_name()
    values = [known for known in _inputs["names"].get(name, []) if type(known) is type(value)]
    if values and _chance.random() < SHARE_OF_ROWS:
        return _chance.choice(values)
    if isinstance(value, list) and all(isinstance(element, str) for element in value):
        return [_row(name.removesuffix("s"), element) for element in value]
    return _with_rows(value)


def _new_name() -> str:
    return f"n{_chance.getrandbits(64)}"


def _reason(response: Response) -> str:
    if response.status_code < 400:
        return ""
    try:
        problem = response.json()
    except ValueError:
        return ""
    errors = problem.get("errors") or []
    if errors:
        return f"{re.sub(r'[0-9]+', '#', errors[0]['field'])[:60]}: {errors[0]['code']}"
    return f"{problem.get('type', '').removeprefix('/problems/')}: {problem.get('detail', '')[:80]}"
