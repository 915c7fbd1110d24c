"""Every test gets a real PostgreSQL, and no one configures it. Without such tests, no server is started."""

import contextlib
import gc
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import transaction
from django.test import TransactionTestCase

from config import celery_app
from tests import postgres
from tests.golden.summary import pytest_terminal_summary  # noqa: F401, xdist's controller loads no deeper conftest
from tests.stripe.server import EVENT_SECRET, Books, Server

RUN = pytest.StashKey[contextlib.ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    # A task that a test asks for wakes nobody up; what it would do is tested by calling it.
    celery_app.conf.update(broker_url="memory://localhost/", broker_transport_options={})
    # A password of a test is worth nothing to anybody, and a million rounds of it take half a second each time.
    PBKDF2PasswordHasher.iterations = 1
    if not hasattr(config, "workerinput"):  # xdist's workers share the run of the process that started them
        config.stash[RUN] = contextlib.ExitStack()
        config.stash[RUN].enter_context(postgres.run())
        if getattr(config.option, "numprocesses", None):
            config.stash[RUN].enter_context(postgres.template_ahead())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no worker is left with it in the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Keep the garbage collector off ten thousand collected tests, which stay: it takes a sixth of all time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


def pytest_unconfigure(config: pytest.Config) -> None:
    if RUN in config.stash:
        config.stash[RUN].close()


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: object) -> Iterator[None]:
    """
    Give this worker a database of its own, migrated.

    A test that commits (`transaction=True`) leaves rows that triggers protect from TRUNCATE, and Django's flush
    would also take what migrations put in, so such a test's database is put back as it was: tests/database_reset.py.
    """
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():  # type: ignore[attr-defined]
        database = postgres.WorkerDatabase()
        database.create()
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: database.renew())
        yield
        database.drop()


@pytest.fixture(scope="module")
def shared_transaction(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    """
    Let the tests of a module share a world: what its own fixtures of this scope make is gone after its last test.

    What a test itself does is rolled back with the test as ever, to the savepoint that it began with. Such a fixture
    returns nothing: an object in memory would keep what one test did to it for the next.
    """
    forget_the_database()
    world = transaction.atomic()
    world._from_testcase = True  # as each test's own: what must not run within a transaction may run in this one
    with django_db_blocker.unblock(), world:  # type: ignore[attr-defined]
        yield
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def new_process() -> None:
    """Let a test begin with none of the rows that another one left."""
    forget_the_database()


def forget_the_database() -> None:
    """
    Forget what a process remembers of its database; fixtures that outlive a test call it, too.

    Outside of tests a remembered row is frozen or its revision is compared, and no number is ever used again; a test
    that is rolled back, or whose database is copied anew, uses the same ids and revisions for other things.
    """
    for name, clear in (
        ("plans.catalog.stored_terms", "clear_terms_cache"),
        ("billing.closing.lines.line_templates", "clear_templates_cache"),
        ("billing.metering.ingest.catalog_cache", "clear"),
        ("billing.metering.ingest.customer_cache", "clear"),
        ("billing.metering.store.counter_store", "clear_id_cache"),
    ):
        if module := sys.modules.get(name):
            getattr(module, clear)()


@pytest.fixture
def stripe_server(settings: Any) -> Iterator[Server]:
    """Let a Stripe of our own take customers' money."""
    with Server() as server:
        settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE = server.secret_key, server.address
        settings.STRIPE_WEBHOOK_SECRETS, settings.PAYMENT_PAGES = [EVENT_SECRET], [server.address]
        yield server


@pytest.fixture
def at_stripe(stripe_server: Server) -> Books:
    """Return its books."""
    return stripe_server.books


@pytest.fixture
def clean_books(db: None) -> Iterator[None]:
    """Let a test end with the audit: `pytest.mark.usefixtures("clean_books")`."""
    yield
    # Imported late: this file is read before Django is set up.
    from billing.audit import assert_clean

    assert_clean()
