"""Subscriptions of the topic of the alerts."""

from __future__ import annotations

from functions.aws.clients import client


def of(topic: str) -> list[tuple[str, str]]:
    """ARN (or what SNS shows in its place) and endpoint of each subscription."""
    pages = client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    return [
        (each.get("SubscriptionArn", ""), each.get("Endpoint", "")) for page in pages for each in page["Subscriptions"]
    ]


def ask_again(topic: str, address: str) -> None:
    """Have AWS send its confirmation mail: the only word to a human that needs no confirmed subscription."""
    client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint=address)
