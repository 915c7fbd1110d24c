"""The page behind the `type` URL of a problem."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from lib.api.problem_types import PROBLEM_TYPES


@require_safe
@cache_control(public=True, max_age=3600)
def problem_page(request: HttpRequest, name: str) -> HttpResponse:
    """Explain one type of problem."""
    kind = PROBLEM_TYPES.get(name)
    if kind is None:
        raise Http404(f"There is no problem “{name}”.")
    others = {other: problem_type for other, problem_type in PROBLEM_TYPES.items() if other != name}
    # Every other part of the text was between backticks, so it is code.
    remedy = [(text, index % 2 == 1) for index, text in enumerate(kind.remedy.split("`"))]
    context = {"name": name, "kind": kind, "remedy": remedy, "others": others}
    return render(request, "problems/problem.html", context)
