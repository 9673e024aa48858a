"""What tests use: the pytest plugin, events as objects, waiting for them."""
