"""Whose lines an advice can have."""

TOOLS = ("cdk", "sam", "serverless", "terraform")
CODE = ("python", "node")
"""Lines of a function's own code, the same whatever deploys it."""
