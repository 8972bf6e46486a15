"""What a request means beyond what its line says: its route, customer, user and feature by the user's rules.

What the line names counts first, then what a path template of the rules finds in the path; a feature may also be that
of the route. A template is the route where the line names none, or one that stands for every path.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from functions.core.context import Context
from functions.core.meaning.lookup import label
from functions.core.meaning.paths import Said
from functions.core.piles import cells, mapped
from functions.core.rows import Cells, Same
from functions.core.usage.routes import folded
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
    meaning = context.meaning
    said = _said(context, path) if meaning.paths else None
    if said:
        if not route or route.endswith(_CATCH_ALL):
            route = said.route
        named = Named(*(each or said.values.get(part) for part, each in zip(Named._fields, named, strict=True)))
    route = template(method, route, path)
    feature = label(named.feature) or meaning.features.of(route)
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
    feature: Cells = mapped(named.feature, rows, label)
    if context.meaning.features:
        of_route = each(templates, context.meaning.features.of)
        feature = (
            of_route if type(feature) is Same else [one or other for one, other in zip(feature, of_route, strict=True)]
        )
    return templates, cells(named.tenant, rows), mapped(named.user, rows, context.identity), feature


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
