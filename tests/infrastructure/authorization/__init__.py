"""May they? The synthesised policies, evaluated as IAM does, for what functions call and what services do."""
