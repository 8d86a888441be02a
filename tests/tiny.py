"""A network of 100,000 parameters that trains in a blink, as backbone `tiny`."""

import hashlib
from pathlib import Path

from tlstudio.core.backbones import Backbone, Weights
from tlstudio.core.preprocessing import Preprocessing
from tlstudio.core.stages import Stage


def make(data: Path) -> Backbone:
    """timm's test network with seeded weights, written among the program's weights in a data folder (XDG_DATA_HOME)."""
    import timm
    import torch

    torch.manual_seed(0)
    state = timm.create_model("test_efficientnet", pretrained=False).state_dict()
    for name, value in state.items():
        # Statistics unlike the initial 0 and 1, so that a test sees when they move.
        if name.endswith("running_mean"):
            value.uniform_(-0.1, 0.1)
        elif name.endswith("running_var"):
            value.uniform_(0.5, 1.5)
    file = data / "tlstudio" / "weights" / "tiny.pth"
    file.parent.mkdir(parents=True)
    torch.save(state, file)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    names = ("stem", "blocks0", "blocks1", "blocks2", "blocks3", "blocks4", "neck", "pool", "head")
    rates = ("early", "early", "early", "late", "late", "late", "late", "late", "head")
    return Backbone(
        name="tiny",
        title="Tiny",
        family="efficientnet_timm",
        architecture="test_efficientnet",
        features=256,
        parameters=0,
        weights=Weights("tiny.pth", sha256, file.stat().st_size, "none", "random values"),
        preprocessing=Preprocessing(32, 36, "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        stages=tuple(Stage(n, r, "nothing", "none") for n, r in zip(names, rates, strict=True)),  # type: ignore[arg-type]
    )
