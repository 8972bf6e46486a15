"""What a request means beyond what its line says: its route, customer, user and feature by the user's rules.

What the line names counts first, then what a path template of the rules finds in the path; a feature may also be that
of the route. A template is the route where the line names none, or one that stands for every path.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from functions.core.context import Context
from functions.core.meaning.lookup import Values, label
from functions.core.meaning.paths import Said
from functions.core.piles import cells, mapped
from functions.core.rows import Cells, Same
from functions.core.usage.routes import folded, path_of
from functions.core.values import each, name, text

_CATCH_ALL = ("{proxy+}", "$default", "/*")


class Named(NamedTuple):
    """Values that a request's line names."""

    tenant: Any = None
    user: Any = None
    feature: Any = None


def template(method: str | None, route: str | None, path: str | None) -> str | None:
    """Route template with its method, e.g. ``GET /orders/{id}``.

    Where there is no template, the path stands for it with its variable parts as ``{id}``.
    """
    if not route:
        if not path:
            return None
        route = folded(path.partition("?")[0])
    if " " in route or route.startswith("$") or not method:
        return route
    return f"{method} {route}"


def of_one(
    context: Context, method: str | None, route: str | None, path: str | None, named: Named
) -> tuple[str | None, str | None, str | None, str | None]:
    """Route, customer, hash of the user, and feature of one request."""
    route, named = _by_path(context, route, path, named)
    route = template(method, route, path)
    feature = label(named.feature) or context.meaning.features.of(route)
    return route, name(named.tenant), context.identity(named.user), feature


def of_many(
    context: Context,
    rows: int,
    method: Sequence[Any] | None,
    route: Sequence[str | None] | None,
    path: Sequence[str | None] | None,
    named: Named,
) -> tuple[Cells, Cells, Cells, Cells]:
    """The same for columns, each of which may be absent."""
    nothing = (None,) * rows
    if context.meaning.paths and path is not None:
        methods = nothing if method is None else each(method, text)
        by_row = zip(*(nothing if each is None else each for each in named), strict=True)
        found = [
            of_one(context, method_, route_, path_, Named(*values))
            for method_, route_, path_, values in zip(methods, route or nothing, path, by_row, strict=True)
        ]
        routes, tenants, users, features = map(list, zip(*found, strict=True))
        return routes, tenants, users, features
    templates = _templates(method, route, path, rows)
    feature = _features(context, named.feature, templates)
    return templates, cells(named.tenant, rows), mapped(named.user, rows, context.identity), feature


def of_spans(
    context: Context,
    kinds: Sequence[str | None],
    method: Values | None,
    route: Values | None,
    url: Values | None,
    named: Named,
) -> tuple[Values | None, Values | None, Cells, Cells]:
    """The same for spans, whose routes have no method; the ``url`` may be the path alone.

    Only where a server was asked does it tell of the service's own routes: a client's is that of another service
    (https://opentelemetry.io/docs/specs/semconv/http/http-spans/).
    """
    meaning, rows = context.meaning, len(kinds)
    nothing = (None,) * rows
    if url is not None and "server" in kinds and (meaning.paths or route is None or not all(route)):
        paths = [path_of(text(each) or "") if kind == "server" else None for kind, each in zip(kinds, url, strict=True)]
        if meaning.paths:
            by_row = zip(*(nothing if each is None else each for each in named), strict=True)
            found = [
                _by_path(context, text(route_), path, Named(*values))
                for route_, path, values in zip(route or nothing, paths, by_row, strict=True)
            ]
            route, named = [each for each, _ in found], Named(*zip(*(each for _, each in found), strict=True))
        route = [own or (path and folded(path)) for own, path in zip(route or nothing, paths, strict=True)]
    templates = _templates(method, each(route, text), None, rows) if meaning.features and route is not None else nothing
    feature = _features(context, named.feature, templates)
    return route, named.tenant, mapped(named.user, rows, context.identity), feature


def _features(context: Context, named: Values | None, routes: Sequence[str | None]) -> Cells:
    """Features as they are named, else those of the routes."""
    feature: Cells = mapped(named, len(routes), label)
    if not context.meaning.features:
        return feature
    of_route = each(routes, context.meaning.features.of)
    return of_route if type(feature) is Same else [one or other for one, other in zip(feature, of_route, strict=True)]


def _by_path(context: Context, route: str | None, path: str | None, named: Named) -> tuple[str | None, Named]:
    """Route and values, completed by what a path template of the rules finds in the path."""
    said = _said(context, path) if context.meaning.paths else None
    if said is None:
        return route, named
    if not route or route.endswith(_CATCH_ALL):
        route = said.route
    return route, Named(*(each or said.values.get(part) for part, each in zip(Named._fields, named, strict=True)))


def _said(context: Context, path: str | None) -> Said | None:
    said = context.meaning.paths.of(path and path.partition("?")[0])
    if said is None:
        return None
    counted = [context.meaning.watch.saw(said.rule, part, (value,)) for part, value in said.values.items()]
    return said if all(counted) else None


def _templates(
    method: Sequence[Any] | None, route: Sequence[str | None] | None, path: Sequence[str | None] | None, rows: int
) -> list[str | None]:
    """Route templates; where there are templates already, each is read once."""
    nothing = (None,) * rows
    methods = nothing if method is None else each(method, text)
    if route is not None and all(route):
        return each(list(zip(methods, route, strict=True)), _of_route)
    return list(map(template, methods, route or nothing, path or nothing))


def _of_route(named: tuple[str | None, str | None]) -> str | None:
    return template(*named, None)
