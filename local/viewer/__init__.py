"""The dashboards of the running local stack in a browser, as CloudWatch would show them."""
