"""`manage.py demo`: a real trace of LLM usage, billed for an invented company, and served."""

import contextlib
import os
import subprocess
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import environ
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from config import processes
from config.paths import PROJECT, data_folder, make_folder
from customers.portal_auth.magic_links import CREATED_LINK_LIFETIME
from demo import (
    books,
    build,
    connections,
    history,
    live_traffic,
    local_sink,
    logins,
    office,
    payments,
    prepaid_customers,
    sandbox_customers,
    summary,
)
from demo.closing import close
from demo.event_sender import Sender, SendingFailed
from invoices.documents.signed_links import create_link
from lib.progress_bar import show_progress

OLDEST = timedelta(days=300)
"""Maximum age of the demo's today: the API accepts usage of about 13 months, and the demo fills two."""


EMAIL_FILES = "filemail:///"
"""The start of an EMAIL_URL that names a folder."""


class Command(BaseCommand):
    help = (
        "Bill a real trace of 28,185 LLM requests and 14 months of history for fictional customers, and serve the"
        " result until Ctrl-C."
    )
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-serve", action="store_true", help="set up the demo without serving it")
        parser.add_argument("--traffic", action="store_true", help="keep sending requests while serving")
        parser.add_argument("--at", type=datetime.fromisoformat, help="the demo's today, in ISO 8601; now by default")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (8000)")

    def handle(self, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError(
                "The demo fills the database with fictional customers, so it does not run in production."
            )
        self.stdout.write("Preparing the database")
        self.stdout.flush()
        _use_local_addresses(f"http://{options['host']}:{options['port']}")
        _migrate()
        today = self._today(options["at"])
        access_file = make_folder(data_folder()) / f"demo-{connection.settings_dict['NAME']}.json"
        access = logins.grant(file=access_file, at=timezone.now())
        with self._local_sink():
            self._build(today, access.api_key)
            self._print_summary()
            if options["no_serve"]:
                self._print_access(access, "")
                self.stdout.write("  The server is not running. Start it with: make demo, or python manage.py demo")
                return
            self._serve(access, today, **options)

    @contextlib.contextmanager
    def _local_sink(self) -> Iterator[None]:
        try:
            with local_sink.running():
                yield
        except local_sink.PortInUse as error:
            self.stderr.write(f"  ! {error}")
            yield

    def _today(self, requested: datetime | None) -> datetime:
        now = timezone.now()
        requested_today = requested or now
        if requested_today.tzinfo is None:
            requested_today = requested_today.replace(tzinfo=UTC)
        today = build.today(requested_today)
        if requested and today != requested_today.astimezone(UTC).replace(microsecond=0):
            raise CommandError(f"This database holds the demo as of {today:%Y-%m-%d %H:%M:%S} UTC; omit --at.")
        if not now - OLDEST <= today <= now:
            raise CommandError(f"The demo's today ({today:%Y-%m-%d}) must be within the last {OLDEST.days} days.")
        self.stdout.write(f"Tollbook demo, as of {today:%Y-%m-%d %H:%M} UTC")
        return today

    def _build(self, today: datetime, api_key: str) -> None:
        watch = partial(show_progress, out=self.stdout)
        try:
            with processes.run_web_only() as url:
                built = build.build(at=today, url=url, api_key=api_key, watch=watch)
        except (processes.NoAnswer, SendingFailed) as error:
            raise CommandError(f"{error} Run the demo again to continue.") from error
        prepaid = prepaid_customers.add(at=today)
        if prepaid:
            close(today, watch)
        connections.add()
        paid = payments.add(at=today)
        office_parts = office.add_all(at=today)
        clones = sandbox_customers.add(at=today)
        if office_parts or clones:
            connections.send(at=today)
        files = books.make_files(history.last_locked_month(today), at=today)
        rendered = build.render(watch)
        for problem in [
            *built.events.reasons,
            *(failure.error for failure in built.closed.failed),
            *rendered.reasons,
        ]:
            self.stderr.write(f"  ! {problem}")
        if built.is_nothing and not rendered.made:
            self._line("unchanged", f"all {built.events.duplicate:,} events were sent before, and nothing is due")
            return
        self._line("plans", f"{built.plans} published")
        self._line("customers", f"{built.customers} added, and {prepaid} prepaid")
        self._line("usage", f"{built.events.accepted:,} events stored, {built.events.duplicate:,} stored before")
        self._line("closing", f"{built.closed.issued} invoices issued")
        self._line("payments", f"{paid} invoices paid by transfer")
        self._line("office", "coupons, limits, price changes, migrations, refunds, and bank statements")
        self._line("sandbox", f"{clones} customers cloned, with clocks and cards")
        self._line("books", f"{history.MONTHS - 1} months locked, accounting files made for {files} targets")
        self._line("PDFs", f"{rendered.made} generated")

    def _print_summary(self) -> None:
        totals = summary.summary()
        self.stdout.write("\nIn the database")
        for billed in totals.billed:
            self._line(
                billed.currency, f"{billed.invoices} invoices, {billed.net:,.2f} net, {billed.total:,.2f} with tax"
            )
        self._line("PDFs", f"{totals.documents}")
        self._line("open", f"{totals.open_periods} current periods")
        reasons = ", ".join(f"{reason.replace('_', ' ')} {count}" for reason, count in totals.unmatched.items())
        self._line("unmatched", f"{sum(totals.unmatched.values())} ({reasons})")
        for cap in totals.capped:
            when = "this month" if cap.is_open else "last month"
            self._line("over cap", f"{cap.customer}: {cap.used:,.0f} of {cap.included:,.0f} {cap.feature} {when}")

    def _line(self, title: str, text: str) -> None:
        self.stdout.write(f"  {title:<11} {text}")

    def _print_access(self, access: logins.Access, url: str) -> None:
        self.stdout.write("\nAccess")
        if url:
            self._line("admin", f"{url}/admin/")
            minutes = CREATED_LINK_LIFETIME // timedelta(minutes=1)
            portal_url = url + payments.create_portal_path(at=timezone.now())
            self._line("portal", f"{portal_url} (works once, within {minutes} minutes)")
            self._line("API docs", f"{url}/api/docs/")
            if (emails := os.environ["EMAIL_URL"]).startswith(EMAIL_FILES):
                self._line("emails", f"in the folder {emails.removeprefix(EMAIL_FILES)}")
            self._line("webhooks", f"accepted at {local_sink.URL}")
            self._line("a PDF", url + create_link(summary.fullest_invoice(), at=timezone.now()))
        self._line("logins", ", ".join(logins.usernames()))
        self._line("password", access.password)
        self._line("API key", access.api_key)

    def _serve(
        self, access: logins.Access, today: datetime, *, host: str, port: int, traffic: bool, **_: Any
    ) -> None:
        url = f"http://{'localhost' if host in ('', '0.0.0.0') else host}:{port}"  # noqa: S104 - compared, not bound
        stopping = threading.Event()

        def ready() -> None:
            self._print_access(access, url)
            self.stdout.write(EXAMPLE.format(url=url, key=access.api_key))
            if traffic:
                threading.Thread(target=_keep_posting(url, access.api_key, today, stopping), daemon=True).start()

        try:
            status = processes.serve(host=host, port=port, ready=ready)
        except processes.PortTaken as error:
            raise CommandError(f"{error} For example: --port {port + 1}") from error
        finally:
            stopping.set()
        if status:
            raise SystemExit(status)


def _migrate() -> None:
    """Create the tables in a process of its own, which has the owner's login; this one has that of staff."""
    command = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"]
    if subprocess.run(command, cwd=PROJECT, check=False).returncode:
        raise CommandError("The database could not be prepared.")


def _use_local_addresses(url: str) -> None:
    """
    Write emails to files, unless a mail server is configured, link them to this server, and let webhooks reach the
    local sink.

    This process has read its settings already; those that it starts read the environment.
    """
    os.environ.setdefault("EMAIL_URL", f"{EMAIL_FILES}{make_folder(data_folder() / 'demo-emails')}")
    os.environ.setdefault("TOLLBOOK_URL", url)
    os.environ.setdefault("TOLLBOOK_PRIVATE_HOSTS", local_sink.HOST)
    env = environ.Env()
    for name, value in env.email("EMAIL_URL").items():
        setattr(settings, name, value)
    settings.PUBLIC_URL = env.str("TOLLBOOK_URL").rstrip("/")
    settings.OUTBOUND_PRIVATE_HOSTS = [host.lower() for host in env.list("TOLLBOOK_PRIVATE_HOSTS")]


def _keep_posting(url: str, api_key: str, today: datetime, stopping: threading.Event) -> Callable[[], None]:
    def post() -> None:
        with Sender(url, api_key) as sender, contextlib.suppress(SendingFailed):
            live_traffic.keep_posting(sender, at=today, stopped=stopping.is_set)

    return post


EXAMPLE = """
  Send an event:
    curl {url}/api/v1/events -H 'Content-Type: application/json' \\
      -H 'Authorization: Bearer {key}' \\
      -d '{{"id": "my-first", "customer": "cedar-vale", "event": "llm.request", "properties": {{
           "prompt_tokens": 1200, "completion_tokens": 80, "model": "chat-large", "api_key": "prod"}}}}'

  Ctrl-C stops it; the next run continues from here.
"""
