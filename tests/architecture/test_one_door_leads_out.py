"""
Addresses that somebody typed in are connected to by one module, which vets them; no other can be talked into it.

What else opens connections goes where the settings say, and each such place is listed here.
"""

import ast

from config.paths import PROJECT
from tests.architecture.source import APPS, files

LEAD_OUT = {
    *("aiohttp", "ftplib", "http.client", "httpcore", "httpx", "requests", "smtplib", "socket", "stripe"),
    *("urllib.request", "urllib3", "zeep"),
}
DOORS = {
    # module                             where it goes
    "customers/notifications/http_client.py": "to addresses that users enter, each of which it vets",
    "invoices/payments/providers/stripe.py": "to Stripe, whose address is a setting",
    "invoices/payments/provider_webhooks/stripe_events.py": "nowhere: it checks the signature of what came",
    "customers/notifications/transport.py": "to the mail server of the settings",
    "invoices/rendering/asset_loader.py": "nowhere: it answers for what a page names, out of the package",
    "demo/event_sender.py": "to the demo's own server",
    "benchmarks/http_load.py": "to the server that is measured",
    "config/processes.py": "to our own processes",
    "benchmarks/scratch_server.py": "to a server of its own",
}


def ways_out(source: str) -> set[str]:
    """Return the modules that lead out of this machine among those that a source imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return {one for one in found if any(one == way or one.startswith(f"{way}.") for way in LEAD_OUT)}


def test_nothing_connects_but_what_is_listed():
    doors = {str(path.relative_to(PROJECT)) for path in files(*APPS) if ways_out(path.read_text())}

    assert doors == set(DOORS)


def test_another_door_is_found():
    assert ways_out("import requests") == {"requests"}
    assert ways_out("from urllib import request") == {"urllib.request"}
    assert ways_out("from urllib.parse import quote") == set()
