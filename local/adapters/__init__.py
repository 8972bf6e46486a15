"""What AWS does and the emulator does not, one gap per module.

Each module has `install()`, which replaces or wraps one entry point of ministack. Nothing of tracelake knows of them:
the templates and functions that run here are those that run on AWS.
"""
