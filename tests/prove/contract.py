"""
Let Schemathesis, which knows only the API's schema, call every operation, also one after another with their results.

No response may be a server error, or differ from its schema in status, media type or shape. Afterwards the books are
audited.
"""

import argparse
import random
import shutil
import subprocess
from collections.abc import Sequence

from django.db import connection

from config.postgres import Cluster
from customers.api_keys import keys
from customers.models.api_keys import Scope
from lib.task_clock import database_time
from tests.prove.api_data import make_data
from tests.prove.final_check import books_are_sound
from tests.prove.processes import Deployment
from tests.prove.verdict import Verdict, say

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def run(arguments: Sequence[str], cluster: Cluster) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove contract", description=__doc__)
    parser.add_argument("--examples", type=int, default=100, help="the most requests of an operation in each phase")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--program", default=shutil.which("st") or "st", help="Schemathesis")
    options = parser.parse_args(arguments)
    verdict = Verdict(f"every operation, {options.examples} requests in each phase", seed=options.seed)
    make_data()
    issued = keys.issue(name="contract", scopes=Scope.values, sandbox=False, by=None, at=database_time())
    connection.close()
    house = Deployment(cluster)
    try:
        house.start("web")
        command = [options.program, "run", f"http://127.0.0.1:{house.port}/api/schema/?format=json"]
        command += ["--header", f"Authorization: Bearer {issued[1]}", "--checks", CHECKS, "--no-color"]
        command += ["--max-examples", str(options.examples), "--seed", str(options.seed), "--continue-on-failure"]
        command += ["--phases", "examples,coverage,fuzzing,stateful", "--suppress-health-check", "all"]
        done = subprocess.run(command, cwd=cluster.home.parent, check=False)
        verdict.require(done.returncode == 0, "every response fits the schema")
        if verdict.broken:
            say(house.end_of_log())
    finally:
        house.stop()
    books_are_sound(verdict)
    return verdict.conclude()
