"""Gap: a Python function sees every library of the emulator's own environment.

On AWS it sees its code, its layers, and of third parties only what the runtime brings, the AWS SDK
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html). So a library that a layer lacks is missed here too.
"""

import sysconfig
import tempfile
from pathlib import Path

from ministack.core import lambda_runtime

_SDK = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3")
_KEEP_ONLY = """
import sys
sys.path[:] = [path for path in sys.path if not path.endswith(("site-packages", "dist-packages"))] + [{runtime!r}]
"""


def install() -> None:
    runtime = Path(tempfile.mkdtemp(prefix="lambda-runtime-"))
    for name in _SDK:
        (runtime / name).symlink_to(Path(sysconfig.get_path("purelib")) / name)
    lambda_runtime._PYTHON_WORKER_SCRIPT = (
        _KEEP_ONLY.format(runtime=str(runtime)) + lambda_runtime._PYTHON_WORKER_SCRIPT
    )
