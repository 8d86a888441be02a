"""Preferences: what a person may set once for this computer, on three pages."""
