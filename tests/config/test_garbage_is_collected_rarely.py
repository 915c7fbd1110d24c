"""Commands, web processes and workers run Python's collector less often than by default."""

import gc
import subprocess
import sys
from pathlib import Path

import pytest
from celery.signals import worker_process_init

from lib.garbage_collection import THRESHOLDS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def collector():
    """Restore the collector of this process."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_a_worker_process_collects_rarely(collector):
    worker_process_init.send(sender=None)
    assert gc.get_threshold() == THRESHOLDS
    assert gc.get_freeze_count() > 0


@pytest.mark.slow
def test_a_command_collects_rarely():
    code = "import gc; print(gc.get_threshold())"
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(THRESHOLDS)
