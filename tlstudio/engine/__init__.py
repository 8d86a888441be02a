"""Work: pictures, tensors, networks and training. No Qt here."""

import os

# Read once, when torch loads its OpenMP: threads that spin while they wait gain up to 1.4x on an idle machine, but lose
# 3-12x as soon as another program takes one core, and a desktop is a shared machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
