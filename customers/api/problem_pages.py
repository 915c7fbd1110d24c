"""The page that a problem's `type` leads to."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from lib.api.problem_types import PROBLEM_TYPES


@require_safe
@cache_control(public=True, max_age=3600)
def problem_page(request: HttpRequest, name: str) -> HttpResponse:
    """Explain one kind of problem, to whoever opens its address."""
    kind = PROBLEM_TYPES.get(name)
    if kind is None:
        raise Http404(f"There is no problem “{name}”.")
    others = {other: one for other, one in PROBLEM_TYPES.items() if other != name}
    # Every other piece of the text stands between backticks: code.
    remedy = [(text, place % 2 == 1) for place, text in enumerate(kind.remedy.split("`"))]
    context = {"name": name, "kind": kind, "remedy": remedy, "others": others}
    return render(request, "problems/problem.html", context)
