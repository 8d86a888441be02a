"""The training panel: start, watch, stop, compare runs."""
