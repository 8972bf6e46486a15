"""The subscription policies of an account and region (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters-AccountLevel.html)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from functions.aws.logs import code_of, put_error
from functions.core.account_policy import Policy

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

_TYPE: Any = "SUBSCRIPTION_FILTER_POLICY"


class AccountPolicies:
    """Lists, puts and deletes them."""

    def __init__(self, logs: CloudWatchLogsClient) -> None:
        self._logs = logs

    def found(self) -> list[Policy]:
        """All there are; AWS allows one."""
        policies: list[Policy] = []
        request: dict[str, Any] = {"policyType": _TYPE}
        while True:
            page = self._logs.describe_account_policies(**request)
            policies += [
                Policy(
                    each.get("policyName", ""),
                    each.get("policyDocument", ""),
                    each.get("selectionCriteria", ""),
                    each.get("lastUpdatedTime", 0),
                )
                for each in page.get("accountPolicies", [])
            ]
            if not page.get("nextToken"):
                return policies
            request["nextToken"] = page["nextToken"]

    def put(self, policy: Policy) -> None:
        """Create or replace the policy of this name.

        ``NoSlotError`` where another one holds the account's place, ``DestinationError`` where CloudWatch cannot
        deliver (yet), ``RefusedError`` with its reason otherwise.
        """
        try:
            self._logs.put_account_policy(
                policyName=policy.name,
                policyType=_TYPE,
                policyDocument=policy.document,
                selectionCriteria=policy.criteria,
                scope="ALL",
            )
        except ClientError as error:
            raise put_error(error) from error

    def delete(self, name: str) -> bool:
        """Delete the policy of this name; ``False`` where there was none."""
        try:
            self._logs.delete_account_policy(policyName=name, policyType=_TYPE)
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                return False
            raise
        return True
