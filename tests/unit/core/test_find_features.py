"""Features proposed by the routes: right on generated applications, and each pattern fits the routes it is made of."""

from __future__ import annotations

import random

import pytest

from cli.find_features import lines
from functions.core.meaning.paths import Features
from functions.core.meaning.written import parse
from functions.core.usage.find_features import Feature, Use, propose
from functions.core.usage.routes import folded


def named(*routes: str) -> list[str]:
    return [feature.name for feature in propose(Use(route, 10 - at) for at, route in enumerate(routes))]


@pytest.mark.parametrize(
    ("routes", "features"),
    [
        (["GET /orders", "GET /orders/{id}", "POST /carts/{id}/items"], ["orders", "carts"]),
        (["GET /api/v1/orders", "GET /api/v1/users/{id}"], ["orders", "users"]),
        (["GET /t/{tenant}/orders", "PUT /t/{tenant}/users/{id}", "GET /t/{tenant}"], ["orders", "users"]),
        (["GET /shop/orders", "GET /shop/users"], ["orders", "users"]),
        (["GET /orders", "GET /health", "GET /favicon.ico", "GET /static/app.js", "OPTIONS /users"], ["orders"]),
        (["GET /orders", "ANY /{proxy+}", "$default", "POST /users"], ["orders", "users"]),
        (
            ["GET /admin/users", "GET /admin/plans", "GET /admin/bills", "GET /x"],
            ["admin users", "admin plans", "admin bills", "x"],
        ),
        (["GET /orders/{id}"], ["orders"]),
        (["GET /", "GET /{id}"], []),
        ([], []),
    ],
)
def test_a_feature_is_the_first_part_of_a_path_that_means_something(routes: list[str], features: list[str]) -> None:
    assert named(*routes) == features


def test_the_evidence_is_counted() -> None:
    [feature, _] = propose(
        [Use("GET /orders", 30, 4), Use("POST /orders/{id}", 10, 7), Use("GET /users", 5, 9), Use("GET /health", 1000)]
    )
    assert (feature.name, feature.requests, feature.customers, feature.read_share) == ("orders", 40, 7, 0.75)
    assert feature.patterns == ["/orders", "/orders/*"]


WORDS = (
    "orders",
    "carts",
    "reports",
    "exports",
    "users",
    "invoices",
    "projects",
    "tasks",
    "search",
    "billing",
    "teams",
)
BEGINNINGS = ("", "/api", "/api/v2", "/t/{tenant}", "/v1/{org}", "/shop-service/api", "/accounts/{id}")
ENDS = ("", "/{id}", "/{id}/items", "/{id}/items/{id}", "/{id}/cancel", "/latest")


@pytest.mark.parametrize("seed", range(40))
def test_features_of_generated_applications_are_found_and_patterns_fit_their_own_routes_alone(seed: int) -> None:
    chance = random.Random(seed)
    begin, words = chance.choice(BEGINNINGS), chance.sample(WORDS, chance.randint(2, 8))
    truth = {
        f"{chance.choice(('GET', 'POST', 'DELETE'))} {begin}/{word}{end}": word
        for word in words
        for end in chance.sample(ENDS, chance.randint(1, 4))
    }
    uses = [Use(route, chance.randint(1, 1000)) for route in truth]
    noise = [Use("GET /health", 5000), Use("GET /robots.txt", 3), Use(f"OPTIONS {begin}/{words[0]}", 50)]
    found = propose([*uses, *noise])
    assert {feature.name for feature in found} == set(words)
    features = Features({pattern: feature.name for feature in found for pattern in feature.patterns})
    assert {route: features.of(route) for route in truth} == truth
    assert features.of("GET /health") is None


@pytest.mark.parametrize("seed", range(20))
def test_hostile_routes_are_proposed_or_left_out_and_nothing_else(seed: int) -> None:
    chance = random.Random(seed)
    letters = "/{}*:.ab \"'\\\n\x00%?é"
    routes = ["".join(chance.choices(letters, k=chance.randint(0, 30))) for _ in range(50)]
    found: list[Feature] = propose(Use(route if seed % 2 else folded(route), 1) for route in routes)
    assert len(parse(lines(found)).features) == len({pattern for feature in found for pattern in feature.patterns})
