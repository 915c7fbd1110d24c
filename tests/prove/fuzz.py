"""
Send a hundred thousand requests, many of them invalid, to every URL: none is answered 5xx.

The operations come from the API's own description and the other pages from the URL table, so new ones are included
automatically. At least 30% of the requests must be accepted, and some of every operation, because early rejections
prove little. Staff pages are only read, with a session and with any query except an empty `_to_field`, which Django
itself answers 500; forms of staff are not fuzzed.
"""

import argparse
import random
import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection, HTTPException, RemoteDisconnected
from urllib.parse import quote, urlencode

from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator

from config.postgres import Cluster
from tests.prove.api_data import make_data
from tests.prove.final_check import books_are_sound
from tests.prove.processes import Deployment
from tests.prove.request_shapes import HOSTILE, Request, Shapes
from tests.prove.verdict import Verdict, say, table

CLIENTS = 4
PAGES = 0.08
LEAST_ACCEPTED = 0.3
SEEN_OFTEN_ENOUGH = 50
TELL_EVERY = 10_000
PROBES = ("livez", "readyz")


def run(arguments: Sequence[str], cluster: Cluster) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(arguments)
    verdict = Verdict(f"{options.requests:,} requests", seed=options.seed)
    secrets, known = make_data()
    cookies = _session()
    document = SchemaGenerator().get_schema(request=None, public=True)
    connection.close()
    house = Deployment(cluster)
    answered: Counter[tuple[str, int]] = Counter()
    try:
        house.start("web")
        clients = [
            threading.Thread(
                target=_send,
                args=(
                    house.port,
                    _requests(Shapes(document, known, random.Random(options.seed + number)), secrets, cookies),
                    len(range(number, options.requests, CLIENTS)),
                    answered,
                    verdict,
                ),
            )
            for number in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        if verdict.broken:
            say(house.end_of_log())
    finally:
        house.stop()
    _report(answered, document, verdict)
    books_are_sound(verdict)
    return verdict.conclude()


def _session() -> str:
    """Return the cookies of a staff user with access to every page."""
    user = get_user_model().objects.create_superuser("fuzz", "fuzz@example.com", "fuzz")
    client = Client()
    client.force_login(user)
    return f"sessionid={client.cookies['sessionid'].value}"


# The requests -------------------------------------------------------------------------------------------------------


def _requests(shapes: Shapes, secrets: Sequence[str], cookies: str) -> Iterator[Request]:
    """Yield requests without end: calls of the API with a live or a sandbox key, and pages with a session."""
    chance, pages = shapes.chance, list(_pages())
    while True:
        if chance.random() < PAGES:
            request = _page(chance.choice(pages), chance)
            request.headers["Cookie"] = cookies
        else:
            request = shapes.request()
            secret = secrets[chance.random() < 0.1]
            request.headers.setdefault("Authorization", f"Bearer {secret}")
        yield request


def _pages(patterns: Sequence[URLPattern | URLResolver] | None = None, prefix: str = "") -> Iterator[str]:
    """Yield every URL outside the API, with its converters: `admin/plans/plan/<path:object_id>/change/`."""
    if patterns is None:
        yield from PROBES
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _pages(pattern.url_patterns, route)
        elif not route.startswith("api/v1/") and "logout" not in route and "<" not in re.sub(r"<\w+:\w+>", "", route):
            yield route


def _page(route: str, chance: random.Random) -> Request:
    """Fill in a URL with a number or something hostile, and request it with any query."""

    def fill(_: re.Match[str]) -> str:
        value = str(chance.randint(1, 60)) if chance.random() < 0.7 else str(chance.choice(HOSTILE))
        return quote(value, safe="", errors="surrogatepass")[:2_000]

    names = ("q", "o", "p", "e", "all", "_popup", "state__exact", "token", "expires", "month", "\0")
    query = {
        chance.choice(names): str(chance.choice([*HOSTILE, 0, 1, "-1.2", "c1"]))
        for _ in range(chance.choice((0, 0, 1, 2)))
    }
    path = "/" + re.sub(r"<\w+:\w+>", fill, route)
    text = urlencode(query, errors="surrogatepass")
    return Request(f"GET /{route}", "GET", f"{path}?{text}" if text else path)


# Sending ------------------------------------------------------------------------------------------------------------


def _send(
    port: int, requests: Iterator[Request], count: int, answered: Counter[tuple[str, int]], verdict: Verdict
) -> None:
    web = HTTPConnection("127.0.0.1", port, timeout=60)
    for _ in range(count):
        request = next(requests)
        try:
            status = _request_with_reconnect(web, request)
        except (OSError, HTTPException) as error:
            web.close()
            verdict.require(False, f"no response ({error!r}): {request}")
            continue
        verdict.require(status < 500, f"response {status}: {request}")
        answered[request.endpoint, status] += 1
        if (total := answered.total()) % TELL_EVERY == 0:
            say(f"  {total:,} responses, {_accepted(answered):.0%} accepted, {len(verdict.broken)} violations")


def _request_with_reconnect(web: HTTPConnection, request: Request) -> int:
    """
    Send a request again over a new connection if the server closed the kept one, as it may after two idle seconds.
    """
    try:
        return _request(web, request)
    except (RemoteDisconnected, ConnectionError):
        web.close()
        return _request(web, request)


def _request(web: HTTPConnection, request: Request) -> int:
    """Send a request unchanged, although http.client would reject some headers, and return the status."""
    web.putrequest(request.method, request.path, skip_host="Host" in request.headers, skip_accept_encoding=True)
    for name, value in {**request.headers, "Content-Length": str(len(request.body))}.items():
        web.putheader(name, value.encode("latin-1", "replace"))
    web.endheaders(request.body or None)
    answer = web.getresponse()
    answer.read()
    return answer.status


# The results --------------------------------------------------------------------------------------------------------


def _accepted(answered: Counter[tuple[str, int]]) -> float:
    return sum(count for (_, status), count in answered.items() if status < 400) / max(answered.total(), 1)


def _report(answered: Counter[tuple[str, int]], document: dict[str, dict[str, object]], verdict: Verdict) -> None:
    """
    Print the responses of each operation; require that enough requests were accepted, and some of every operation.
    """
    rows = []
    endpoints = sorted(
        {endpoint for endpoint, _ in answered}, key=lambda endpoint: (" /api/v1" not in endpoint, endpoint)
    )
    for endpoint in endpoints:
        statuses = {status: count for (requested, status), count in answered.items() if requested == endpoint}
        total = sum(statuses.values())
        accepted = sum(count for status, count in statuses.items() if status < 400)
        if " /api/v1" in endpoint:
            counts = ", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items()))
            rows.append([endpoint, total, f"{accepted / total:.0%}", counts])
            seen = accepted or total < SEEN_OFTEN_ENOUGH
            verdict.require(bool(seen), f"no request to {endpoint} was accepted; add its names to fuzz.py")
    table(["operation", "requests", "accepted", "answers"], rows)
    operations = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    say(f"{len(endpoints) - len(rows)} other addresses were requested")
    verdict.require(operations <= set(endpoints), f"never requested: {sorted(operations - set(endpoints))}")
    share = _accepted(answered)
    say(f"{answered.total():,} requests, {share:.0%} of them accepted")
    verdict.require(share >= LEAST_ACCEPTED, f"only {share:.0%} of the requests were accepted")
