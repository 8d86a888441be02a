"""How a learning rate runs through a phase."""

import math


def rise_then_cosine(step: int, steps: int) -> float:
    """The share of the peak rate, 0..1, at a step (from 0) of so many: linear over the first twentieth, then half a
    cosine down to zero."""
    rise = max(1, steps // 20)
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))
