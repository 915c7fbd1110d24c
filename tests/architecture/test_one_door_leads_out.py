"""
Addresses that somebody typed in are connected to by one module, which vets them; no other can be talked into it.

What else opens connections goes where the settings say, and each such place is listed here.
"""

import ast

from config.places import PROJECT
from tests.architecture.source import APPS, files

LEAD_OUT = {
    *("aiohttp", "ftplib", "http.client", "httpcore", "httpx", "requests", "smtplib", "socket", "stripe"),
    *("urllib.request", "urllib3", "zeep"),
}
DOORS = {
    # module                             where it goes
    "customers/notices/outbound.py": "to what was typed in: it vets the address, and connects to what it vetted",
    "invoices/providers/stripe.py": "to Stripe, whose address is a setting",
    "invoices/hearing/stripe_events.py": "nowhere: it checks the signature of what came",
    "customers/notices/sending.py": "to the mail server of the settings",
    "invoices/rendering/packaged.py": "nowhere: it answers for what a page names, out of the package",
    "billing/demo/sending.py": "to the demo's own server",
    "billing/benchmarks/load.py": "to the server that is measured",
    "config/processes.py": "to our own processes",
    "billing/benchmarks/scratch.py": "to a server of its own",
}


def ways_out(source: str) -> set[str]:
    """Return the modules that lead out of this machine among those that a source imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
    return {one for one in found if any(one == way or one.startswith(f"{way}.") for way in LEAD_OUT)}


def test_nothing_connects_but_what_is_listed():
    doors = {str(path.relative_to(PROJECT)) for path in files(*APPS) if ways_out(path.read_text())}

    assert doors == set(DOORS)


def test_another_door_is_found():
    assert ways_out("import requests") == {"requests"}
    assert ways_out("from urllib import request") == {"urllib.request"}
    assert ways_out("from urllib.parse import quote") == set()
