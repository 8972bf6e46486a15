"""Gap: a Python function sees every library of the emulator's own environment.

On AWS it sees its code, its layers, and of third parties only what the runtime brings, the AWS SDK
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html). So a library that a layer lacks is missed here too.

With TRACELAKE_LOCAL_CALLS=<file>, each call of a function to AWS is a line of JSON there (function, service, operation,
parameters, error): whether it would be allowed is asked by a test, because the emulator allows everything.
"""

import os
import sysconfig
import tempfile
from pathlib import Path

from ministack.core import lambda_runtime

_SDK = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3")
_KEEP_ONLY = """
import sys
sys.path[:] = [path for path in sys.path if not path.endswith(("site-packages", "dist-packages"))] + [{runtime!r}]
"""
# once the path is complete, so that it is the botocore that the function itself uses
_READY = "    _ms_install_invoke_depth()\n"
_NOTE_CALLS = """
def _note_calls():
    from botocore.client import BaseClient

    original, name = BaseClient._make_api_call, os.environ["AWS_LAMBDA_FUNCTION_NAME"]

    def call(client, operation, params):
        error = ""
        try:
            return original(client, operation, params)
        except Exception as failed:
            error = getattr(failed, "response", {{}}).get("Error", {{}}).get("Code", "")
            raise
        finally:
            service = client.meta.service_model.service_name
            line = json.dumps([name, service, operation, params, error], default=lambda value: "")
            with open({calls!r}, "a") as file:
                file.write(line + "\\n")

    BaseClient._make_api_call = call

"""


def install() -> None:
    runtime = Path(tempfile.mkdtemp(prefix="lambda-runtime-"))
    for name in _SDK:
        (runtime / name).symlink_to(Path(sysconfig.get_path("purelib")) / name)
    lambda_runtime._PYTHON_WORKER_SCRIPT = (
        _KEEP_ONLY.format(runtime=str(runtime)) + lambda_runtime._PYTHON_WORKER_SCRIPT
    )
    if calls := os.environ.get("TRACELAKE_LOCAL_CALLS"):
        script = lambda_runtime._PYTHON_WORKER_SCRIPT
        assert script.count(_READY) == 1, "the emulator starts functions in another way"
        noting = script.replace(_READY, f"{_READY}    _note_calls()\n")
        lambda_runtime._PYTHON_WORKER_SCRIPT = _NOTE_CALLS.format(calls=calls) + noting
