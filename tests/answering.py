"""Real AWS clients whose requests are answered here, with all of botocore in between.

A request is checked against the service's model (also for what botocore itself does not refuse: lists that are too
long, values beyond the largest, words that the API does not know), then built and signed as always. The answer is
checked against the model too; long lists come in small pages, and the first request of each operation is throttled, so
that a function that reads one page or does not try again is seen. Waiting between attempts takes no time.
"""

from __future__ import annotations

import io
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore import session, validate
from botocore.awsrequest import AWSResponse
from botocore.exceptions import UnknownServiceError
from botocore.response import StreamingBody
from botocore.retries.standard import register_retry_handler

from functions.aws import clients

PAGE = 2
THROTTLING = {
    "s3": ("SlowDown", 503),
    "dynamodb": ("ProvisionedThroughputExceededException", 400),
    "kinesis": ("ProvisionedThroughputExceededException", 400),
}
"""How a service says that it was asked too often; the others say ThrottlingException."""

_models = session.get_session()
# of its own, so that whatever a test does to the default session does not answer in place of this
_session = boto3.Session(region_name="eu-west-1", aws_access_key_id="none", aws_secret_access_key="none")


class RefusedError(Exception):
    """Makes an answer an error of AWS; ``members`` are what the service tells beyond code and message."""

    def __init__(self, code: str, message: str = "refused", status: int = 400, **members: Any) -> None:
        super().__init__(code)
        self.status = status
        self.parsed = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {}, **members}


class ContractError(BaseException):
    """A request or an answer that AWS does not know. Not an Exception: no function under test may swallow it."""


Answer = Callable[[str, dict[str, Any]], "dict[str, Any] | None"]


def answering(service: str, answer: Answer, *, throttled: bool = True) -> Any:
    """A client that sends nothing: ``answer(operation, params)`` gives the whole result, or raises ``RefusedError``.

    It may give pages of its own, with tokens; a list without one is cut into pages of ``PAGE`` here.
    """
    client = _session.client(service, config=clients._CONFIG)
    _Answering(client, answer, throttled=throttled)
    return client


class _Answering:
    def __init__(self, client: Any, answer: Answer, *, throttled: bool) -> None:
        self._model = client.meta.service_model
        self._answer = answer
        self._throttled = throttled
        self._asked: Counter[str] = Counter()
        self._local = threading.local()
        self._begun: dict[str, tuple[dict[str, Any], int]] = {}
        self._numbers = itertools.count(1)
        service_id = self._model.service_id.hyphenize()
        events = client.meta.events
        # the most general event comes last, when botocore has put in what is its own to put in
        events.register_last("before-parameter-build", self._check_request)
        events.register_first(f"before-send.{service_id}.*", self._respond)
        client._endpoint._response_parser_factory = _Parsed()
        events.unregister(f"needs-retry.{service_id}", unique_id=f"retry-config-{service_id}")
        retries = register_retry_handler(client, clients._CONFIG.retries["total_max_attempts"])
        retries._retry_policy.compute_retry_delay = lambda _context: 0

    def _check_request(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        check(params, model.input_shape, f"request of {model.name}")
        # botocore makes files of the bodies it was given
        self._local.params = {
            name: each.getvalue() if hasattr(each, "getvalue") else each for name, each in params.items()
        }

    def _respond(self, event_name: str, **_: Any) -> AWSResponse:
        operation = event_name.rsplit(".", 1)[1]
        self._asked[operation] += 1
        if self._throttled and self._asked[operation] == 1:
            code, status = THROTTLING.get(self._model.service_name, ("ThrottlingException", 400))
            return _response(status, RefusedError(code, "Rate exceeded").parsed)
        try:
            return _response(200, self._result(operation, self._local.params))
        except RefusedError as refused:
            return _response(refused.status, refused.parsed)
        except Exception as error:
            raise ContractError(f"no answer to {operation}: {error!r}") from error

    def _result(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        result = self._page(operation, params)
        check(result, self._model.operation_model(operation).output_shape, f"answer to {operation}", strict=False)
        body = result.get("Body")
        if isinstance(body, bytes):
            result["Body"] = StreamingBody(io.BytesIO(body), len(body))
        return {**result, "ResponseMetadata": {}}

    def _page(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """The page of a whole answer that a request asks for; a list stays as it was when its first page was asked."""
        service = self._model.service_name
        pagination = _pagination(service, operation)
        if not pagination or not isinstance(pagination["input_token"], str):
            return {**(self._answer(operation, params) or {})}
        token, more = pagination["input_token"], pagination["output_token"]
        asked = _text(params.get(token))
        whole, start = self._begun.pop(asked, (None, 0))
        if whole is None:
            whole = self._answer(operation, params) or {}
        if more in whole or (asked and not start):  # the answer has pages of its own
            return {**whole}
        size = min(PAGE, params.get(pagination.get("limit_key", ""), PAGE))
        page = {**whole}
        lists = list(_lists(page, pagination["result_key"]))
        goes_on = start + size < max((len(holder[name]) for holder, name in lists), default=0)
        for holder, name in lists:
            holder[name] = holder[name][start : start + size]
            if "Count" in page:
                page["Count"] = len(holder[name])
        if goes_on:
            text = f"page-{next(self._numbers)}"
            self._begun[text] = whole, start + size
            page[more] = _token(service, operation, token, text)
        if "more_results" in pagination:
            page[pagination["more_results"]] = goes_on
        return page


def _response(status: int, parsed: dict[str, Any]) -> AWSResponse:
    return AWSResponse("", status, {"parsed": parsed}, _NoBody())


class _NoBody(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        return iter(())


class _Parsed:
    """A response parser for answers that need no parsing."""

    def create_parser(self, _protocol: str) -> _Parsed:
        return self

    def parse(self, response: dict[str, Any], _shape: Any) -> dict[str, Any]:
        return dict(response["headers"]["parsed"])


def check(values: Any, shape: Any, what: str, *, strict: bool = True) -> None:
    """``ContractError`` where values do not fit a shape of a service's model; its upper bounds count if ``strict``."""
    validator = _Validator(strict=strict)
    if shape is None:
        problems = [f"it has no members, not {values}"] if values else []
    else:
        problems = [*validator.validate(values, shape).generate_report().splitlines(), *validator.beyond]
    if problems:
        raise ContractError(f"{what}: " + "; ".join(problems))


class _Validator(validate.ParamValidator):
    """botocore's, which knows lower bounds alone, with upper bounds and known words."""

    VALIDATED_METADATA_ATTRS = validate.ParamValidator.VALIDATED_METADATA_ATTRS | {"max", "enum"}

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict
        self.beyond: list[str] = []

    def _validate(self, params: Any, shape: Any, errors: Any, name: str) -> None:
        super()._validate(params, shape, errors, name)
        if not self.strict:
            return
        size = params if isinstance(params, int | float) else len(params) if hasattr(params, "__len__") else 0
        if size > shape.metadata.get("max", size):
            self.beyond.append(f"{name} is {size}, and at most {shape.metadata['max']} is allowed")
        words = shape.metadata.get("enum", [params])
        if isinstance(params, str) and params not in words:
            self.beyond.append(f"{name} is {params!r}, and must be one of {', '.join(words)}")


def _pagination(service: str, operation: str) -> dict[str, Any] | None:
    try:
        return _models.get_paginator_model(service).get_paginator(operation)  # type: ignore[no-any-return]
    except (UnknownServiceError, ValueError):
        return None


def _lists(whole: dict[str, Any], keys: str | list[str]) -> Iterator[tuple[dict[str, Any], str]]:
    for key in [keys] if isinstance(keys, str) else keys:
        *outer, name = key.split(".")
        holder = whole
        for each in outer:
            holder[each] = holder = {**holder.get(each, {})}
        if isinstance(holder.get(name), list):
            yield holder, name


def _token(service: str, operation: str, name: str, text: str) -> Any:
    shape = _models.get_service_model(service).operation_model(operation).input_shape.members[name]
    return text if shape.type_name == "string" else {"page": {"S": text}}


def _text(token: Any) -> str:
    return str(token.get("page", {}).get("S", "") if isinstance(token, dict) else token or "")
