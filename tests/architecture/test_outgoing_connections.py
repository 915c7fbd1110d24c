"""
Only one module connects to URLs entered by users; it validates them, so that no other module can be misused for it.

Other modules that open connections use URLs from the settings, and are listed here.
"""

import ast

from config.paths import PROJECT
from tests.architecture.source import APPS, files

LEAD_OUT = {
    *("aiohttp", "ftplib", "http.client", "httpcore", "httpx", "requests", "smtplib", "socket", "stripe"),
    *("urllib.request", "urllib3", "zeep"),
}
DOORS = {
    # module                             its destination
    "customers/notifications/http_client.py": "to addresses that users enter, each of which it vets",
    "invoices/payments/providers/stripe.py": "to Stripe, whose address is a setting",
    "invoices/payments/provider_webhooks/stripe_events.py": "nowhere: it checks the signature of received events",
    "customers/notifications/transport.py": "to the mail server of the settings",
    "invoices/rendering/asset_loader.py": "nowhere: it serves the files of pages from the package",
    "demo/event_sender.py": "to the demo's own server",
    "benchmarks/http_load.py": "to the server that is measured",
    "config/processes.py": "to our own processes",
    "benchmarks/scratch_server.py": "to a server of its own",
}


def network_modules(source: str) -> set[str]:
    """Return the modules imported by a source that open outgoing connections."""
    imported = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return {module for module in imported if any(module == way or module.startswith(f"{way}.") for way in LEAD_OUT)}


def test_only_listed_modules_open_connections():
    doors = {str(path.relative_to(PROJECT)) for path in files(*APPS) if network_modules(path.read_text())}

    assert doors == set(DOORS)


def test_an_unlisted_connection_is_found():
    assert network_modules("import requests") == {"requests"}
    assert network_modules("from urllib import request") == {"urllib.request"}
    assert network_modules("from urllib.parse import quote") == set()
