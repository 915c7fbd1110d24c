"""Clients generated from the API's schema compile: TypeScript's types strictly, and a Python client."""

import compileall
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from drf_spectacular.generators import SchemaGenerator

from config.paths import PROJECT

NODE = PROJECT / "tests" / "node"
PROGRAM = """
import type { paths, components } from './schema'

type Invoice = components['schemas']['Invoice']
type Invoices = paths['/api/v1/invoices']['get']['responses']['200']['content']['application/json']

export function firstNumber(invoices: Invoices): string | null {
  const invoice: Invoice | undefined = invoices.data[0]
  return invoice === undefined ? null : invoice.number
}
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def schema(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("schema") / "schema.json"
    file.write_text(json.dumps(SchemaGenerator().get_schema(request=None, public=True)))
    return file


def run(*command: str | Path, folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_typescripts_types_compile_strictly(schema, tmp_path):
    if shutil.which("node") is None or not (NODE / "node_modules").is_dir():
        pytest.skip("There is no Node.js with the packages of tests/node: run bin/setup dev.")
    programs = NODE / "node_modules" / ".bin"
    run(programs / "openapi-typescript", schema, "--output", tmp_path / "schema.ts", folder=tmp_path)
    (tmp_path / "program.ts").write_text(PROGRAM)

    run(programs / "tsc", "--strict", "--noUncheckedIndexedAccess", "--noEmit", "program.ts", folder=tmp_path)


def test_a_python_client_compiles(schema, tmp_path):
    target = tmp_path / "client"
    command = ["-m", "openapi_python_client", "generate", "--path", schema, "--output-path", target, "--meta", "none"]
    done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, "WARNING" in done.stdout) == (0, False), done.stdout + done.stderr
    assert compileall.compile_dir(target, quiet=1)
