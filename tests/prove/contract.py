"""
Let Schemathesis, which knows only the API's schema, call every operation, also one after another with their results.

No response may be a server error, or differ from its schema in status, media type or shape. Requests name
rows that exist (tests/prove/contract_hooks.py); the report lists the operations that refused most valid requests even
so, with the reason. Afterwards the books are audited.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
from collections.abc import Sequence

from django.db import connection

from config.paths import PROJECT
from config.postgres import Cluster
from customers.models.api_keys import Scope
from lib.task_clock import database_time
from tests.api.calls import Caller
from tests.prove.api_data import add_rows, make_data, path_values
from tests.prove.contract_notes import INPUTS, report
from tests.prove.final_check import books_are_sound
from tests.prove.processes import Deployment
from tests.prove.verdict import Verdict, say
from wallets.purchases.paid_grant import settle_purchases

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"

# Fields and parameters of requests that name rows.
NAMES = (
    "customer",
    "subject",
    "subscription",
    "plan",
    "feature",
    "meter",
    "seller",
    "pack",
    "coupon",
    "wallet",
    "invoice",
    "time_zone",
)
# A campaign is one caller, which sends requests without a key, too.
RATES = ("TOLLBOOK_API_RATE", "TOLLBOOK_ANONYMOUS_RATE", "TOLLBOOK_PORTAL_LINK_RATE", "TOLLBOOK_CODE_RATE")
LEAST_ACCEPTED = 0.1


def run(arguments: Sequence[str], cluster: Cluster) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove contract", description=__doc__)
    parser.add_argument("--examples", type=int, default=30, help="the most requests of an operation in each phase")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--program", default=shutil.which("st") or "st", help="Schemathesis")
    options = parser.parse_args(arguments)
    verdict = Verdict(f"every operation, {options.examples} requests in each phase", seed=options.seed)
    _, known = make_data()
    callers = [Caller(scopes=Scope.values, sandbox=sandbox, at=database_time()) for sandbox in (False, True)]
    for caller in callers:
        caller.client.defaults["SERVER_NAME"] = "localhost"
    add_rows(callers[0])
    notes = cluster.home.parent / "notes"
    inputs = {
        "paths": path_values(callers, known),
        "names": {name: known[name] for name in NAMES},
        **{name: caller.secret for name, caller in zip(("live", "sandbox"), callers, strict=True)},
        "seed": options.seed,
        "notes": str(notes),
    }
    (cluster.home.parent / "inputs").write_text(json.dumps(inputs))
    connection.close()
    os.environ |= dict.fromkeys(RATES, "1000000/60s")
    house = Deployment(cluster)
    try:
        house.start("web")
        command = [options.program, "run", f"http://127.0.0.1:{house.port}/api/schema/?format=json"]
        command += ["--checks", CHECKS, "--no-color"]
        command += ["--max-examples", str(options.examples), "--seed", str(options.seed), "--continue-on-failure"]
        command += ["--phases", "examples,coverage,fuzzing,stateful", "--suppress-health-check", "all"]
        hooks = {"SCHEMATHESIS_HOOKS": "tests.prove.contract_hooks", INPUTS: str(cluster.home.parent / "inputs")}
        environment = os.environ | hooks | {"PYTHONPATH": str(PROJECT)}
        done = subprocess.run(command, cwd=cluster.home.parent, env=environment, check=False)
        report(notes, least=LEAST_ACCEPTED)
        verdict.require(done.returncode == 0, "every response fits the schema")
        if verdict.broken:
            say(house.end_of_log())
    finally:
        house.stop()
    # Without a worker, nobody granted the purchases that were paid.
    settle_purchases(at=database_time())
    books_are_sound(verdict)
    return verdict.conclude()
