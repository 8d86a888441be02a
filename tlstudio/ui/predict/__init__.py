"""The predict panel: labels for new pictures."""
