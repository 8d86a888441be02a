"""The network panel: which network, what learns in it, and how."""
