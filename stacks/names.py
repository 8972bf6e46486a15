"""How everything of one stage is called, and under which SSM parameter each name is found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_FUNCTIONS = Path(__file__).resolve().parents[1] / "functions"
METRIC_NAMESPACE = "tracelake"
# where the event source leaves batches it gives up: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
POISON_PREFIX = "aws/lambda/"


@dataclass(frozen=True, slots=True)
class Names:
    """Names of one stage; buckets and the state table have generated names, found by their parameter."""

    stage: str

    @property
    def prefix(self) -> str:
        """Of stacks, functions, workgroup, dashboards and topic: ``tracelake-main``."""
        return f"tracelake-{self.stage}"

    @property
    def stream(self) -> str:
        return self.prefix

    @property
    def workgroup(self) -> str:
        return self.prefix

    @property
    def topic(self) -> str:
        return f"{self.prefix}-alerts"

    @property
    def database(self) -> str:
        """Glue database; its names have no hyphens, so that SQL needs no quotes."""
        return f"tracelake_{self.stage}"

    def dashboard(self, subject: str, region: str) -> str:
        """Dashboard of ``application`` or ``pipeline``; an account has all of them in one list, whatever the region:
        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudwatch-dashboard.html"""
        return f"{self.prefix}-{subject}-{region}"

    def budget(self, region: str) -> str:
        """Budgets too are the account's and no region's."""
        return f"{self.prefix}-{region}"

    def stack(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def function(self, name: str) -> str:
        """Lambda function of a folder in functions/: ``tracelake-main-record-poison``."""
        return f"{self.prefix}-{name.replace('_', '-')}"

    def log_group(self, name: str) -> str:
        """Log group of a function; all of them are under the prefix that is never subscribed."""
        return f"/tracelake/{self.stage}/{name}"

    @property
    def log_groups(self) -> tuple[str, ...]:
        """Log groups of all functions there are, whichever stack has them."""
        return tuple(self.log_group(path.parent.name) for path in sorted(_FUNCTIONS.glob("*/handler.py")))

    def parameter(self, name: str) -> str:
        """SSM parameter that holds a name, e.g. ``/tracelake/main/lake-bucket``."""
        return f"/tracelake/{self.stage}/{name}"
