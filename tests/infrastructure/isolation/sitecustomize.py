"""Python imports this by itself: a machine without a network, seven years from now."""

import socket
import time

_SEVEN_YEARS = 7 * 365 * 86_400
_time = time.time


def _refuse(*_: object) -> None:
    raise OSError("there is no network")


socket.socket.connect = socket.socket.connect_ex = _refuse
socket.getaddrinfo = _refuse
time.time = lambda: _time() + _SEVEN_YEARS
