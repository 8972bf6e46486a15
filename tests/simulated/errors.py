"""What can go wrong in the simulated account."""

from local.simulators.event_source import InvocationError


class ServiceError(Exception):
    """An error answer of a service; it reaches the function as botocore's exception of that code."""

    def __init__(self, code, message, **members):
        super().__init__(f"{code}: {message}")
        self.answer = {"Error": {"Code": code, "Message": message}, **members}


class Killed(BaseException):
    """The process is gone: a crash, or the function's time is over. Nothing in it runs on."""


class FunctionError(InvocationError):
    """The function answered with an error, or not at all."""
