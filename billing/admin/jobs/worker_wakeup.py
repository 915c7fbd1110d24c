"""Pages that start jobs, and the wake-up call of a worker; without a broker, beat starts jobs within seconds."""

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from billing.models import Job
from billing.tasks import run_jobs
from lib.admin import FormPage, Response


def wake(request: HttpRequest) -> None:
    try:
        run_jobs.delay()
    except OperationalError as error:
        text = _("The message broker can't be reached (%(error)s). Workers still check for jobs every few seconds.")
        messages.warning(request, text % {"error": error})


class JobStartPage(FormPage):
    """A page whose form starts a job."""

    def start(self) -> Job:
        raise NotImplementedError

    def run(self, subject: None) -> Response:
        job = self.start()
        wake(self.request)
        return self.go(job)
