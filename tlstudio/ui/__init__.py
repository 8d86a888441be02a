"""The face: windows and widgets. No torch here, and none of the work."""
