"""Addresses of pages whose modules are loaded when somebody first asks for one.

Most who use a site never see most of its pages: an idle server need not hold them in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

from django.http import HttpResponseBase
from django.urls import URLPattern
from django.urls.resolvers import ResolverMatch, RoutePattern

View = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class Later:
    """A view that is known by its name: what an address leads to until it is asked for."""

    module: str
    name: str

    def loaded(self) -> View:
        """The view itself. Raises ImportError and AttributeError."""
        view: View = getattr(import_module(self.module), self.name)
        return view


class Views:
    """The views of a module that is not loaded yet: `Views("chat.views.usage").rows`."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Later:
        return Later(self._module, name)


class LaterPattern(URLPattern):
    """An address that loads its view once it is asked for."""

    def resolve(self, path: str) -> ResolverMatch | None:
        """What Django calls, with the view itself: its marks (who may see it, whether it is
        awaited) are read before it is called."""
        match, view = super().resolve(path), cast(object, self.callback)
        if match is not None and isinstance(view, Later):
            match.func = view.loaded()
        return match


def path(
    route: str, view: Later, kwargs: Mapping[str, Any] | None = None, name: str | None = None
) -> LaterPattern:
    """As Django's `path`, for a view that is loaded later."""
    pattern = RoutePattern(route, name=name, is_endpoint=True)
    return LaterPattern(pattern, view, kwargs, name)  # type: ignore[arg-type]  # a view until then
