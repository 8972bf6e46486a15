"""Saved queries of CloudWatch Logs Insights: for raw lines of log groups, also of those that are not in the lake.

Whoever runs one chooses its log groups, and pays for what it scans.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.names import Names

_LINES = "fields @timestamp, @log, @logStream, @message"
_LATEST = "| sort @timestamp desc\n| limit 200"


def build_saved_queries(scope: Construct, names: Names, tenant_keys: Sequence[str]) -> None:
    """The queries by trace or request, by a field, and by customer, in a folder of the stage.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_Insights-Saving-Queries.html
    """
    customer = ", ".join(f"`{key}`" for key in tenant_keys)
    queries = {
        "lines of a trace or request": f"{_LINES}\n| filter @message like 'TRACE OR REQUEST ID'\n"
        "| sort @timestamp asc\n| limit 1000",
        "lines by a field": f"{_LINES}\n# the path of a member of your JSON lines, and its value\n"
        f"| filter order.id = '7'\n{_LATEST}",
        "lines of a customer": f"{_LINES}, coalesce({customer}) as customer\n| filter customer = 'CUSTOMER'\n{_LATEST}",
    }
    for title, query in queries.items():
        logs.CfnQueryDefinition(
            scope, f"SavedQuery{title.title().replace(' ', '')}", name=f"{names.prefix}/{title}", query_string=query
        )
