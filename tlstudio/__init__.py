"""TL Studio: adapt a pretrained image network to your own classes, offline, and see what it does."""

__version__ = "0.1.0"
