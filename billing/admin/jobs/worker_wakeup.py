"""Wake a worker to start new jobs at once; without a broker, beat starts them within seconds."""

from django.contrib import messages
from django.http import HttpRequest
from kombu.exceptions import OperationalError

from billing.tasks import run_jobs


def wake(request: HttpRequest) -> None:
    try:
        run_jobs.delay()
    except OperationalError as error:
        warning = f"The workers cannot be reached now ({error}); they look for jobs every few seconds by themselves."
        messages.warning(request, warning)
