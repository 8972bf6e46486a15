"""Gap: metrics in the embedded metric format stay log lines."""

from typing import Any

from ministack.services import cloudwatch, cloudwatch_logs

from local.simulators import emf


def install() -> None:
    deliver = cloudwatch_logs._fanout_to_subscription_filters

    def extract_and_deliver(group: str, stream: str, events: list[dict[str, Any]]) -> None:
        for event in events:
            for datum in emf.read(event["message"]):
                cloudwatch._store_datum(*datum[:5], None, datum.values, None, None)
        deliver(group, stream, events)

    cloudwatch_logs._fanout_to_subscription_filters = extract_and_deliver
