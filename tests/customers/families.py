"""The two families of applications: one to tune with, and one held out, with other names and distributions."""

from __future__ import annotations

import random

from customers.applications import Decoy, Family, one_of, skewed, some_hex, some_uuid, word

_REGIONS = ("eu-central-1", "us-east-1", "ap-southeast-2", "eu-west-1")


def _zipf(draw: random.Random, count: int) -> list[float]:
    exponent = draw.uniform(0.5, 1.3)
    return [1 / (rank + 1) ** exponent for rank in range(count)]


def _lognormal(draw: random.Random, count: int) -> list[float]:
    sigma = draw.uniform(0.8, 2.0)
    return [draw.lognormvariate(0, sigma) for _ in range(count)]


def _duration(draw: random.Random, _: int) -> int:
    return int(draw.lognormvariate(4, 1))


def _version(draw: random.Random, _: int) -> str:
    return f"{draw.randint(1, 3)}.{draw.randint(0, 9)}.{draw.randint(0, 20)}"


def _ip(draw: random.Random, _: int) -> str:
    return ".".join(str(draw.randint(1, 254)) for _ in range(4))


TUNING = Family(
    tenant_names=(
        *("tenant", "tenant_id", "tenantId", "tenant.id", "org", "org_id", "organizationId", "customer_id"),
        *("account_id", "workspace", "company", "clientKey", "custom:tenant", "customerId", "workspaceId"),
    ),
    odd_tenant_names=(
        *("cid", "k", "ns", "realm", "shop", "site", "party", "zz_ref", "owner", "scope", "mandant", "mandantId"),
        *("kunde", "kunden_nr", "cliente", "empresa", "entreprise", "klant", "firma", "顧客", "организация"),
    ),
    user_names=("user", "user_id", "userId", "uid", "sub", "email", "actor", "principal", "username", "u", "login"),
    tenant_values=(
        some_uuid,
        lambda draw, _: f"{word(draw)}-{word(draw)}",
        lambda draw, _: word(draw) + word(draw),
        lambda _, number: 1000 + number,
        lambda draw, _: f"acct_{draw.getrandbits(40):010x}",
        lambda draw, _: f"{word(draw).title()} {draw.choice(('GmbH', 'Inc', 'Ltd', 'AG'))}",
        lambda draw, _: str(draw.randrange(10**11, 10**12)),
    ),
    user_values=(
        some_uuid,
        lambda draw, _: f"{word(draw)}@{word(draw)}.example",
        lambda draw, _: word(draw) + word(draw),
        lambda _, number: 50_000 + number,
        lambda draw, _: f"usr_{draw.getrandbits(40):010x}",
    ),
    nests=("ctx/", "requestContext/authorizer/", "auth/claims/", "data/", "labels/"),
    weights=_zipf,
    tenants=lambda draw: max(2, int(10 ** draw.uniform(0.3, 3.7))),
    lines=(500, 2500),
    decoys=(
        Decoy(("request_id", "requestId", "correlation_id", "rid"), "request", some_uuid, 0.7),
        Decoy(("trace_id", "xray_trace_id"), "request", some_hex(32)),
        Decoy(("span_id",), "line", some_hex(16)),
        Decoy(("session", "session_id", "sid"), "session", some_uuid),
        Decoy(("device", "device_id"), "user", some_hex(12), 0.3),
        Decoy(("order_id", "orderId", "cart"), "session", lambda draw, _: draw.randrange(10**6), 0.4),
        Decoy(("sku", "product", "item_id"), "line", lambda draw, _: f"P{int(draw.paretovariate(0.8)) % 400:04d}", 0.3),
        Decoy(("region", "aws_region"), "request", skewed(*_REGIONS)),
        Decoy(("home_region", "cell", "shard"), "tenant", one_of("a1", "b2", "c3"), 0.2),
        Decoy(("env", "environment", "stage"), "application", one_of("prod", "production"), 0.6),
        Decoy(("version", "app_version"), "session", _version),
        Decoy(("flag", "feature_flag", "variant"), "user", one_of("control", "blue", "green"), 0.4),
        Decoy(("dark_mode", "beta"), "user", one_of(True, False), 0.3),
        Decoy(("locale", "lang"), "user", skewed("en-US", "de-DE", "fr-FR", "ja-JP", "pt-BR"), 0.4),
        Decoy(("plan", "tier"), "tenant", skewed("free", "pro", "enterprise", "trial"), 0.4),
        Decoy(("segment", "cohort"), "user", skewed("gold", "silver", "bronze", "new"), 0.2),
        Decoy(("country",), "user", skewed("US", "DE", "FR", "JP", "BR", "IN", "GB"), 0.3),
        Decoy(("status", "status_code"), "line", skewed(200, 201, 404, 500, 302), 0.7),
        Decoy(("method", "httpMethod"), "line", skewed("GET", "POST", "PUT", "DELETE"), 0.5),
        Decoy(("route", "resourcePath"), "statement", lambda draw, _: f"/{word(draw)}/{{id}}", 0.6),
        Decoy(("duration_ms", "latency", "took"), "line", _duration, 0.7),
        Decoy(("bytes", "size"), "line", lambda draw, _: draw.randrange(100, 60_000), 0.4),
        Decoy(("level",), "statement", skewed("INFO", "ERROR", "WARN"), 0.8),
        Decoy(("logger", "event", "operation"), "statement", lambda draw, _: f"{word(draw)}.{word(draw)}", 0.6),
        Decoy(("ip", "client_ip"), "session", _ip, 0.5),
        Decoy(
            ("user_agent",), "user", lambda draw, _: f"Mozilla/5.0 (X11; {word(draw)}) Gecko/{draw.randint(1, 9)}", 0.4
        ),
        Decoy(("host", "pod", "instance"), "request", one_of(*(f"web-{n}f{n}d" for n in range(6))), 0.4),
        Decoy(("payment_provider", "channel"), "session", skewed("stripe", "paypal", "adyen"), 0.2),
        Decoy(("cold_start",), "line", one_of(True, False), 0.4),
        Decoy(("retries", "attempt"), "line", skewed(0, 1, 2, 3), 0.3),
        Decoy(("memory_mb",), "service", one_of(128, 256, 512), 0.4),
    ),
)

HELD_OUT = Family(
    tenant_names=(
        *("tenantKey", "tenant_name", "organisation", "organization.id", "orgUuid", "customer", "customerKey"),
        *("account", "accountId", "client_id", "companyId", "team_id", "customer-number", "merchant_id", "http.tenant"),
    ),
    odd_tenant_names=(
        *("iss", "domain", "hotel", "clinic", "school", "dealer", "farm", "a", "xref", "grp", "partition", "brand"),
        *("azienda", "foretag", "kiraci", "inquilino", "betrieb", "verein", "cabinet", "组织", "고객", "подписчик"),
    ),
    user_names=("userid", "enduser.id", "member", "memberId", "viewer", "sub", "benutzer", "usuario", "who", "person"),
    tenant_values=(
        lambda draw, _: f"https://{word(draw)}.example.com",
        lambda draw, _: f"{word(draw)}.example.org",
        lambda draw, _: f"T{draw.randrange(10**5):05d}",
        lambda _, number: number + 1,
        some_hex(24),
        lambda draw, _: word(draw),
        lambda draw, _: f"{word(draw)}_{draw.randint(1, 99)}",
        some_uuid,
    ),
    user_values=(
        some_hex(24),
        lambda draw, _: f"{word(draw)}.{word(draw)}@example.net",
        lambda _, number: number,
        lambda draw, _: f"auth0|{draw.getrandbits(48):012x}",
        lambda draw, _: f"{word(draw)} {word(draw)}".title(),
    ),
    nests=("meta/", "event/detail/", "attributes/", "jwt/claims/", "resource/"),
    weights=_lognormal,
    tenants=lambda draw: max(2, min(5000, int(draw.lognormvariate(3.6, 1.6)))),
    lines=(600, 3000),
    decoys=(
        Decoy(("x-request-id", "operationId", "awsRequestId"), "request", some_hex(20), 0.7),
        Decoy(("traceparent",), "request", lambda draw, _: f"00-{draw.getrandbits(128):032x}-01", 0.4),
        Decoy(("conversation", "visit", "jsessionid"), "session", some_hex(16), 0.5),
        Decoy(("installation", "fingerprint"), "user", some_uuid, 0.3),
        Decoy(("invoice", "booking", "ticket"), "session", lambda draw, _: f"B-{draw.randrange(10**7)}", 0.4),
        Decoy(("article", "room", "movie"), "line", lambda draw, _: int(draw.paretovariate(0.9)) % 300, 0.3),
        Decoy(("az", "datacenter", "location"), "request", skewed("eu1", "us2", "ap1", "us1"), 0.4),
        Decoy(("db_cluster", "bucket_no"), "tenant", one_of(*range(8)), 0.2),
        Decoy(("deployment", "namespace"), "application", one_of("live", "prod-eu"), 0.5),
        Decoy(("release", "build"), "session", lambda draw, _: f"2025.{draw.randint(1, 12)}.{draw.randint(0, 4)}", 0.5),
        Decoy(("experiment", "bucket"), "user", one_of("A", "B", "C"), 0.4),
        Decoy(("is_admin", "mfa"), "user", one_of("true", "false"), 0.3),
        Decoy(("language", "tz"), "user", skewed("en", "de", "pt-BR", "es", "zh-Hans"), 0.4),
        Decoy(("subscription_type", "license"), "tenant", skewed("basic", "plus", "premium", "ultimate"), 0.4),
        Decoy(("role", "user_type"), "user", skewed("member", "admin", "guest"), 0.3),
        Decoy(("currency",), "tenant", skewed("EUR", "USD", "GBP"), 0.3),
        Decoy(("http.status_code", "code"), "line", skewed(200, 204, 400, 503), 0.7),
        Decoy(("verb", "http.method"), "line", skewed("GET", "POST", "PATCH"), 0.5),
        Decoy(("http.route", "endpoint"), "statement", lambda draw, _: f"/v1/{word(draw)}/:id", 0.6),
        Decoy(("elapsed", "dur"), "line", lambda draw, _: round(draw.lognormvariate(3, 1.2), 2), 0.7),
        Decoy(("rows", "items"), "line", lambda draw, _: int(draw.expovariate(0.05)), 0.4),
        Decoy(("severity",), "statement", skewed("info", "error", "debug"), 0.8),
        Decoy(("class", "topic", "job"), "statement", lambda draw, _: f"{word(draw).title()}{word(draw).title()}", 0.6),
        Decoy(("remote_addr", "x-forwarded-for"), "session", _ip, 0.5),
        Decoy(("browser", "os"), "user", skewed("Chrome", "Safari", "Firefox", "Edge"), 0.4),
        Decoy(("worker", "container"), "request", one_of(*(f"i-0{n}ab{n}" for n in range(9))), 0.4),
        Decoy(("queue", "table"), "statement", lambda draw, _: f"{word(draw)}-queue", 0.4),
        Decoy(("error_code",), "line", skewed(None, "E_TIMEOUT", "E_LIMIT", "E_INPUT"), 0.3),
        Decoy(("utm_source", "referrer"), "session", skewed("search", "newsletter", "direct", "partner"), 0.2),
        Decoy(("cache",), "line", one_of("hit", "miss"), 0.3),
        Decoy(("ts", "at"), "line", lambda draw, _: 1_764_000_000_000 + draw.randrange(10**8), 0.4),
    ),
)
