"""The tracelake command."""


def main() -> None: ...
