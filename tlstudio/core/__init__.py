"""Facts: what TL Studio knows without torch, Qt or a picture. Standard library only."""
