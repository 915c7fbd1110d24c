"""Web, worker and beat on one machine, started and stopped together: the demo's processes."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import FrameType
from urllib.error import URLError

from config import postgres

WEB_WORKERS = 2
TASK_WORKERS = 2
# Ample for the web process to load and answer, even on a slow machine; after that the start has failed.
READY_SECONDS = 60
# After the stop signal a process may finish its request or task; then it is killed.
STOP_SECONDS = 15
LOOK_SECONDS = 0.2
LOOPBACK = "127.0.0.1"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, see prctl(2)
# Beat saves its schedule in its handler of SIGTERM, and was seen to hang there; probably the signal had interrupted a
# query of the same connection. An orphaned beat has no work to finish, so Linux kills it. The others get SIGTERM.
DEATH_SIGNALS = {"beat": signal.SIGKILL}
FROM_C = ctypes.CDLL(None)


class PortTaken(Exception):
    """Another process listens on the web process's port."""


class NoAnswer(Exception):
    """A web process did not respond."""


@dataclass(frozen=True)
class Child:
    """A child process that leads its own group, so that the terminal's Ctrl-C reaches only the parent."""

    name: str
    process: subprocess.Popen[bytes]

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def end(self) -> None:
        """Kill the whole process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def serve(*, host: str, port: int, ready: Callable[[], None] | None = None) -> int:
    """
    Run web, worker and beat until Ctrl-C or SIGTERM, or until one of them ends; then stop all of them.

    ready: called once, when the web process responds.

    Return the exit status: 0 after a signal, 1 if a process ended unexpectedly; stderr names it. Our own PostgreSQL
    is restarted if it dies; if this process started it, it is stopped with the rest.

    :raises PortTaken: if another process listens there.
    """
    _require_free(host, port)
    with _stop_signals() as signals:
        children = [_start(name, command) for name, command in _commands(host, port).items()]
        try:
            return _watch(children, signals, url=f"http://{_local_host(host)}:{port}/livez", ready=ready)
        finally:
            _stop(children)
            if postgres.started_here():
                postgres.development().stop()


@contextlib.contextmanager
def run_web_only() -> Iterator[str]:
    """
    Run only a web process on a free loopback port, and yield its URL once it responds.

    :raises NoAnswer: if it ends, or does not respond in time; its own output is on stderr.
    """
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
    url = f"http://{LOOPBACK}:{port}"
    web = _start("web", _commands(LOOPBACK, port)["web"])
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not _answers(f"{url}/livez"):
            if (status := web.process.poll()) is not None:
                raise NoAnswer(f"web ended {_how(status)} before it responded at {url}.")
            if time.monotonic() > deadline:
                raise NoAnswer(f"web does not respond at {url} after {READY_SECONDS} s.")
            time.sleep(LOOK_SECONDS)
        yield url
    finally:
        _stop([web])


def _commands(host: str, port: int) -> dict[str, list[str]]:
    celery = ["-m", "celery", "--quiet", "-A", "config"]
    web = ["-m", "gunicorn", "config.wsgi", "--bind", f"{host}:{port}", "--workers", str(WEB_WORKERS)]
    # The queue in PostgreSQL does not support messages between workers.
    silent = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return {
        "web": [*web, "--threads", "4", "--log-level", "warning"],
        "worker": [*celery, "worker", "--concurrency", str(TASK_WORKERS), "--loglevel", "WARNING", *silent],
        "beat": [*celery, "beat", "--loglevel", "WARNING", "--pidfile", ""],
    }


def environment_of(name: str) -> dict[str, str]:
    """Return a process's environment, with the database login of its kind and never the owner's."""
    # Celery warns root on every start; here root is the usual user of a container.
    environment = os.environ | {"PYTHONWARNINGS": "ignore::UserWarning:celery.platforms"}
    environment.pop(postgres.OWNER, None)
    return environment if name == "web" else environment | {"DATABASE_URL": postgres.worker_url()}


def _start(name: str, command: list[str]) -> Child:
    process = subprocess.Popen(
        [sys.executable, *command],
        env=environment_of(name),
        start_new_session=True,
        preexec_fn=partial(_die_with_parent, DEATH_SIGNALS.get(name, signal.SIGTERM)),  # noqa: PLW1509 - one system call, and no threads run here
    )
    return Child(name, process)


def _die_with_parent(death_signal: signal.Signals) -> None:
    """Ask Linux to send this process a signal when its parent is killed."""
    if sys.platform == "linux":
        FROM_C.prctl(PARENT_DEATH_SIGNAL, death_signal)


def _watch(children: list[Child], signals: list[int], *, url: str, ready: Callable[[], None] | None) -> int:
    deadline = time.monotonic() + READY_SECONDS
    waiting = True
    while not signals:
        for child in children:
            if (status := child.process.poll()) is not None:
                _say(f"{child.name} (process {child.process.pid}) ended {_how(status)}; stopping the others.")
                return 1
        if waiting and _answers(url):
            waiting = False
            if ready:
                ready()
        elif waiting and time.monotonic() > deadline:
            _say(f"web does not respond at {url} after {READY_SECONDS} s; stopping.")
            return 1
        postgres.keep_running()
        time.sleep(LOOK_SECONDS)
    return 0


def _stop(children: list[Child]) -> None:
    """Stop the processes gracefully, beat first, so that no new tasks are queued; then kill the remaining ones."""
    for child in reversed(children):
        child.signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(timeout=max(0.1, deadline - time.monotonic()))
        child.end()


@contextlib.contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Yield a list that is empty until a stop signal arrives."""
    signals: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        signals.append(number)

    previous_handlers = {number: signal.signal(number, note) for number in STOP_SIGNALS}
    try:
        yield signals
    finally:
        for number, handler in previous_handlers.items():
            signal.signal(number, handler)


def _require_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(f"Can't listen at {host}:{port}: {error.strerror}. Choose another port.") from error


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - our own address
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


def _local_host(host: str) -> str:
    """Return the host name by which this machine reaches `host`, which may mean all addresses."""
    return LOOPBACK if host in ("", "0.0.0.0") else host  # noqa: S104 - compared, not bound


def _how(status: int) -> str:
    return f"by {signal.Signals(-status).name}" if status < 0 else f"with exit status {status}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
