"""Ask a worker to look at the jobs now; where none can be asked, beat does so by itself."""

from django.contrib import messages
from django.http import HttpRequest
from kombu.exceptions import OperationalError

from billing.tasks import work_on_jobs


def wake(request: HttpRequest) -> None:
    try:
        work_on_jobs.delay()
    except OperationalError as error:
        told = f"The workers cannot be reached now ({error}); they look for jobs every few seconds by themselves."
        messages.warning(request, told)
