"""Run actions concurrently, each on its own connection, as the threads of a server do."""

import os
import threading
from collections.abc import Callable
from typing import Any

import psycopg
from django.db import connection

from config.postgres import OWNER

PATIENCE = 60.0


def together(*actions: Callable[[], Any]) -> list[Any]:
    """
    Start all actions at once and return their results in order. An exception of an action is raised.

    :raises TimeoutError: if an action has not ended after a minute.
    """
    barrier = threading.Barrier(len(actions))
    threads = [Running(action, barrier) for action in actions]
    for thread in threads:
        thread.start()
    return [thread.result() for thread in threads]


class Running(threading.Thread):
    """An action in its own thread; `result()` waits for it."""

    def __init__(self, action: Callable[[], Any], barrier: threading.Barrier | None = None) -> None:
        super().__init__(daemon=True)
        self.action, self.barrier = action, barrier
        self.returned: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            connection.ensure_connection()
            if self.barrier:
                self.barrier.wait(PATIENCE)
            self.returned = self.action()
        except BaseException as error:
            self.error = error
        finally:
            connection.close()

    def result(self) -> Any:
        self.join(PATIENCE)
        if self.is_alive():
            raise TimeoutError(f"{self.action} has not come back: a deadlock, or a lock that nobody gives back")
        if self.error is not None:
            raise self.error
        return self.returned


def start(action: Callable[[], Any]) -> Running:
    """Start one action concurrently with the test."""
    thread = Running(action)
    thread.start()
    return thread


class Pause:
    """
    A place where code under test waits until the test releases it.

        pause = Pause.before(monkeypatch, event_store, "append")
        ingest = start(…)
        pause.await_arrival()
        …
        pause.release()

    Only the first caller waits; later ones pass.
    """

    def __init__(self) -> None:
        self._arrived, self._go_on = threading.Event(), threading.Event()

    @classmethod
    def before(cls, monkeypatch: Any, module: Any, name: str) -> "Pause":
        pause, original = cls(), getattr(module, name)

        def paused(*args: Any, **kwargs: Any) -> Any:
            pause.wait_here()
            return original(*args, **kwargs)

        monkeypatch.setattr(module, name, paused)
        return pause

    def wait_here(self) -> None:
        if not self._arrived.is_set():
            self._arrived.set()
            if not self._go_on.wait(PATIENCE):
                raise TimeoutError("nobody let the paused code go on")

    def await_arrival(self) -> None:
        if not self._arrived.wait(PATIENCE):
            raise TimeoutError("the code under test never came to the place where it should pause")

    def release(self) -> None:
        self._go_on.set()


def wait_until_blocked(*, times: int = 1) -> None:
    """
    Return once `times` other connections to this database wait for a lock.

    :raises TimeoutError: if that takes longer than ten seconds: the expected lock does not block.
    """
    deadline = threading.Event()
    with psycopg.connect(os.environ[OWNER], autocommit=True) as owner:  # who sees what other sessions do
        for _ in range(1_000):
            (count,) = owner.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock'"
            ).fetchall()[0]
            if count >= times:
                return
            deadline.wait(0.01)
    raise TimeoutError("nobody waits for a lock")
