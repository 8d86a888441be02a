"""One step of the optimiser: in mixed precision on CUDA, in parts where memory is short, none from lost numbers."""

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tlstudio.engine.memory import TOO_LITTLE_MEMORY, free_memory, is_about_memory, out_of_memory
from tlstudio.engine.motion import norm

# In float16 a gradient may overflow now and then, and the scale is lowered; so often in a row it is the training.
MAX_OVERFLOWS = 20


class Step:
    """Learns one batch after the other.

    pieces: into how many parts a batch is cut, one after the other, because the device has no memory for all of it at
    once. Their gradients add up to the batch's own, so only BatchNorm that adapts sees a difference. lost: what became
    NaN or infinite in the last batch, from which nothing was learned then; else empty.
    """

    def __init__(
        self, tail: nn.Module, optimizer: torch.optim.Optimizer, weight: torch.Tensor, device: torch.device, pieces: int
    ) -> None:
        """weight: (classes,), of each class in the loss."""
        self.pieces = pieces
        self.lost = ""
        self._overflows = 0
        self._tail, self._optimizer, self._weight, self._device = tail, optimizer, weight, device
        self._precision = getattr(torch, precision(device))
        # Gradients in float16 would vanish unless the loss is scaled up; bfloat16 has the range of float32.
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._precision is torch.float16)

    @property
    def scaling(self) -> dict[str, Any]:
        """How far the loss is scaled up, to go on with; empty where it is not."""
        return self._scaler.state_dict()

    @scaling.setter
    def scaling(self, state: dict[str, Any]) -> None:
        if state:
            self._scaler.load_state_dict(state)

    def __call__(self, inputs: torch.Tensor, targets: torch.Tensor) -> tuple[float, int]:
        """inputs: (N, …), targets: (N,) class indices. Returns the mean loss and how many answers were right.

        Nothing is learned from a loss or a gradient that is no number; `lost` says which.

        Raises:
            TrainingFailed: the device has not enough memory for one picture.
        """
        while True:
            try:
                loss, right = self._gradients(inputs, targets)
                break
            except TOO_LITTLE_MEMORY as error:
                if not is_about_memory(error):
                    raise
                if self.pieces >= len(targets):
                    raise out_of_memory(self._device) from error
                self.pieces *= 2
            # Not in the handler: the error holds on to what did not fit.
            free_memory(self._device)
        self.lost = self._what_is_lost(loss)
        if not self.lost:
            self._scaler.step(self._optimizer)
            self._scaler.update()
        return loss, right

    def _what_is_lost(self, loss: float) -> str:
        if not math.isfinite(loss):
            return f"the loss became {loss}"
        parameters = (p for group in self._optimizer.param_groups for p in group["params"])
        finite = math.isfinite(norm([p.grad for p in parameters if p.grad is not None]))
        self._overflows = 0 if finite else self._overflows + 1
        allowed = MAX_OVERFLOWS if self._scaler.is_enabled() else 0
        return "a gradient became infinite" if self._overflows > allowed else ""

    def _gradients(self, inputs: torch.Tensor, targets: torch.Tensor) -> tuple[float, int]:
        self._optimizer.zero_grad(set_to_none=True)
        total = self._weight[targets].sum()
        mean, right = 0.0, 0
        for part, truth in zip(inputs.chunk(self.pieces), targets.chunk(self.pieces), strict=True):
            with torch.autocast(self._device.type, self._precision, enabled=self._precision is not torch.float32):
                logits = self._tail(part)
            # The weighted mean over the whole batch, of which each part brings its share.
            loss = functional.cross_entropy(logits.float(), truth, weight=self._weight, reduction="sum") / total
            mean += loss.item()
            if not math.isfinite(mean):
                break
            self._scaler.scale(loss).backward()
            right += int((logits.argmax(1) == truth).sum())
        return mean, right


def precision(device: torch.device) -> str:
    """The number format a device multiplies in while it learns; figures are always taken in float32."""
    if device.type != "cuda":
        return "float32"
    return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
