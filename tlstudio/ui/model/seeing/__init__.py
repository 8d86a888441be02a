"""What the network's stages see in pictures, and how BatchNorm's statistics drift when they are let go."""
