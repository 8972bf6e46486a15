"""What is watched of an application, and what is told when some of it is unusual (docs/alerts.md)."""
