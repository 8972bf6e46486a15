"""Alerts without thresholds: what is unusual for a series is learnt from the series (docs/detection.md)."""
