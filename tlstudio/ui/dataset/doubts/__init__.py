"""Doubts about the pictures: which labels look wrong, which pictures are like no other, and what would help."""
