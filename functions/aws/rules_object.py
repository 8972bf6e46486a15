"""The user's rules in the lake bucket: asked for once a minute, and what became of them told beside them.

``config/rules.toml`` is what somebody put there, ``config/rules.state.json`` what the functions made of it
(functions/core/meaning/status.py). A version that is no good changes nothing but the status. Where S3 does not answer,
what is known stays; only a function that knows nothing yet fails, for rows without its redaction are worse than late.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from functions.aws import environment
from functions.aws.clients import client
from functions.aws.objects import Stored
from functions.aws.summaries import Summaries
from functions.core.meaning.meaning import Meaning
from functions.core.meaning.status import RULES_KEY, STATUS_KEY, Status, decode, encode
from functions.core.meaning.written import MOST_BYTES, RulesError, Written, parse
from functions.core.watch.wishes import Wishes

POLL_MS = 60_000
ATTEMPTS = 4

logger = Logger(service="tracelake-rules")


class RulesObject:
    """The rules of one bucket as one execution environment knows them."""

    def __init__(self, bucket: str, tenant_keys: tuple[str, ...]) -> None:
        self._bucket, self._tenant_keys = bucket, tenant_keys
        self._objects = Summaries(bucket)
        self._status = Stored()
        self._etag: str | None = None
        self._asked_ms = 0
        self._in_force = ""
        self._meaning: Meaning | None = None

    def meaning(self) -> Meaning:
        """The rules for the next batch, without those that are switched off."""
        now_ms = environment.now_ms()
        if self._meaning is None or now_ms - self._asked_ms >= POLL_MS:
            try:
                self._ask(now_ms)
            except (BotoCoreError, ClientError):
                if self._meaning is None:
                    raise
                logger.exception("rules could not be read; those that are known stay in force")
            self._asked_ms = now_ms
        assert self._meaning is not None
        self._meaning = self._meaning.renewed()
        return self._meaning

    def tell_what_is_off(self) -> None:
        """Write down which rules were switched off; a failure is logged, and the next batch tries again."""
        if self._meaning is None or self._meaning.watch.off.keys() <= decode(self._status.body).reasons.keys():
            return
        for rule, reason in self._meaning.watch.off.items():
            logger.warning("a rule is switched off", rule=rule, reason=reason)
        etag, reasons = self._in_force, dict(self._meaning.watch.off)
        self._tell(lambda status: status.without(etag, reasons, environment.now_ms()))

    def _ask(self, now_ms: int) -> None:
        if self._etag is None:
            self._status = self._objects.read(STATUS_KEY)
        found = self._read()
        if found is None:
            return
        self._etag = found.etag
        try:
            text = _text(found.body)
            written: Written | None = parse(text)
            change = partial(Status.accepted, etag=found.etag, text=text, now_ms=now_ms)
        except RulesError as error:
            logger.warning("rules are refused; the last good ones stay in force", reason=str(error))
            written = None
            change = partial(Status.refused, etag=found.etag, problem=str(error), now_ms=now_ms)
        before = decode(self._status.body)
        status = change(before)
        if written is None and self._meaning is None:
            written = _last_good(status.text)
        if written is not None:
            self._meaning = Meaning(written, self._tenant_keys, environment.seconds, status.reasons)
            self._in_force = status.etag
        if status != before:
            self._tell(change)

    def _read(self) -> Stored | None:
        """The object if it is another one than was read last; with an empty body where there is none."""
        condition = {"IfNoneMatch": self._etag} if self._etag else {}
        try:
            answer = client("s3").get_object(Bucket=self._bucket, Key=RULES_KEY, **condition)  # type: ignore[arg-type]
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code in {"304", "NotModified"}:
                return None
            if code in {"NoSuchKey", "404"}:
                return None if self._etag == "" else Stored()
            raise
        if answer["ETag"] == self._etag:
            return None
        return Stored(answer["Body"].read(MOST_BYTES + 1), answer["ETag"])

    def _tell(self, change: Callable[[Status], Status]) -> None:
        """Change the status, whoever else does so at the same time."""
        try:
            for _ in range(ATTEMPTS):
                current = decode(self._status.body)
                changed = change(current)
                body = encode(changed)
                if changed == current or self._objects.replace(STATUS_KEY, body, self._status):
                    break
                self._status = self._objects.read(STATUS_KEY)
            self._status = self._objects.read(STATUS_KEY)
        except (BotoCoreError, ClientError):
            logger.exception("what became of the rules is not written down")


def wishes_in_force(bucket: str) -> Wishes:
    """What the rules in force say of alerts."""
    return _last_good(decode(Summaries(bucket).read(STATUS_KEY).body).text).alerts


def _last_good(text: str) -> Written:
    """What an earlier release may have found good and this one does not counts no more."""
    try:
        return parse(text)
    except RulesError as error:
        logger.warning("not even the last good rules can be used", reason=str(error))
        return Written()


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise RulesError(f"it is not UTF-8: {error}") from None


@cache
def rules_object(bucket: str, tenant_keys: tuple[str, ...]) -> RulesObject:
    """The rules as this execution environment knows them."""
    return RulesObject(bucket, tenant_keys)
