"""Work: pictures, tensors, networks and training. No Qt here."""

import os

# Read once, when torch loads its OpenMP: threads that spin while they wait gain up to 1.4x on an idle machine, but lose
# 3-12x as soon as another program takes one core, and a desktop is a shared machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# timm brings the client of a model hub, which reads these when it is imported. Nothing here asks that hub for anything;
# whatever the client does of itself, it shall not do it over a network.
for _name in ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
    os.environ[_name] = "1"

# Builds of onnxruntime for Linux, macOS and Windows keep a number for this machine and report to their maker unless
# they find this when they are loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
