"""The emulator's process: ministack with the adapters of `local/adapters` installed.

Run by the emulator's own Python (`.cache/emulator`) as `python -m local.server`; `local.run.Emulator` starts it and
sets what it reads from the environment.
"""

from ministack import app

from local.adapters import access_logs, alarms, athena, emf, kinesis_events, lambda_logs, log_subscriptions, resources

ADAPTERS = (resources, lambda_logs, log_subscriptions, emf, kinesis_events, access_logs, alarms, athena)

if __name__ == "__main__":
    for adapter in ADAPTERS:
        adapter.install()
    app.main()
