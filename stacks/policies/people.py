"""Who there is besides who deploys: one looks at dashboards, one asks the lake, and a pipeline tells of commits."""

from __future__ import annotations

from functions.core.meaning.status import STATUS_KEY
from stacks.policies.documents import Document, Place, allow, document


def viewer(place: Place) -> Document:
    """Dashboards with all their widgets, alarms and metrics. No file of the lake, no log line, no dead letter.

    A widget is drawn by the function with the viewer's right to invoke it, so whoever sees one sees every customer, and
    examples of errors:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_about.html
    """
    return document(
        [
            allow(["cloudwatch:GetDashboard"], [place.arn("cloudwatch::{account}:dashboard/{name}-*")]),
            # the console lists dashboards and alarms to choose from, and metrics know no resources
            allow(
                [
                    "cloudwatch:DescribeAlarms",
                    "cloudwatch:GetMetricData",
                    "cloudwatch:GetMetricStatistics",
                    "cloudwatch:ListDashboards",
                    "cloudwatch:ListMetrics",
                ],
                ["*"],
            ),
            allow(["lambda:InvokeFunction"], [place.arn("lambda:{region}:{account}:function:{name}-widgets")]),
        ]
    )


def analyst(place: Place) -> Document:
    """SQL over the lake in the workgroup, by console and by ``tracelake ask``; what ``tracelake alerts`` reads. No dead
    letter; writes only results."""
    lake = place.arn("s3:::{name}-data-lake*")
    tables = [
        place.arn("glue:{region}:{account}:catalog"),
        place.arn("glue:{region}:{account}:database/{database}"),
        place.arn("glue:{region}:{account}:table/{database}/*"),
    ]
    return document(
        [
            allow(
                [
                    "athena:BatchGetNamedQuery",
                    "athena:BatchGetQueryExecution",
                    "athena:GetNamedQuery",
                    "athena:GetQueryExecution",
                    "athena:GetQueryResults",
                    "athena:GetQueryResultsStream",
                    "athena:GetWorkGroup",
                    "athena:ListNamedQueries",
                    "athena:ListQueryExecutions",
                    "athena:StartQueryExecution",
                    "athena:StopQueryExecution",
                ],
                [place.arn("athena:{region}:{account}:workgroup/{name}")],
            ),
            allow(["athena:ListDataCatalogs", "athena:ListWorkGroups"], ["*"]),
            allow(
                ["athena:GetDatabase", "athena:GetTableMetadata", "athena:ListDatabases", "athena:ListTableMetadata"],
                [place.arn("athena:{region}:{account}:datacatalog/AwsDataCatalog")],
            ),
            allow(["glue:GetDatabase", "glue:GetDatabases"], tables[:2]),
            allow(
                [
                    "glue:BatchGetPartition",
                    "glue:GetPartition",
                    "glue:GetPartitions",
                    "glue:GetTable",
                    "glue:GetTables",
                ],
                tables,
            ),
            allow(
                ["s3:GetObject"], [f"{lake}/hot/*", f"{lake}/settled/*", f"{lake}/lists/*", f"{lake}/athena-results/*"]
            ),
            allow(["s3:GetObject"], [f"{lake}/summaries/*", f"{lake}/{STATUS_KEY}"]),
            # https://docs.aws.amazon.com/athena/latest/ug/security-iam-awsmanpol.html
            allow(
                ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"], [f"{lake}/athena-results/*"]
            ),
            allow(["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"], [lake]),
            allow(["ssm:GetParameters"], [place.arn("ssm:{region}:{account}:parameter{folder}/*")]),
        ]
    )


def pipeline(place: Place) -> Document:
    """``tracelake deployed`` from a pipeline: it puts records on the stream, and reads nothing but names."""
    return document(
        [
            allow(["kinesis:PutRecords"], [place.arn("kinesis:{region}:{account}:stream/{name}")]),
            allow(["ssm:GetParameters"], [place.arn("ssm:{region}:{account}:parameter{folder}/*")]),
        ]
    )
