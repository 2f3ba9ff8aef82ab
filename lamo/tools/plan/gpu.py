"""Which GPU the hours are given for."""

from dataclasses import dataclass

A100_TFLOPS = 312.0
"""Peak of an NVIDIA A100 in bfloat16 without sparsity; NVIDIA A100 datasheet."""
EFFICIENCY = 0.35
"""Share of the peak that trainings of transformers commonly reach; 0.3 to 0.5 are reported for models of this size."""


@dataclass(frozen=True)
class Gpu:
    """`peak` operations per second, of which models reach the share `efficiency`; `name` says whose peak it is."""

    name: str
    peak: float
    efficiency: float

    @property
    def flops(self) -> float:
        """Operations per second that models reach."""
        return self.peak * self.efficiency


def choose_gpu(tflops: float | None, efficiency: float, measured: float | None) -> Gpu:
    """The GPU that was named by its peak, else the one of this machine as measured, else an A100."""
    if tflops is not None:
        return Gpu("as given", tflops * 1e12, efficiency)
    if measured is not None:
        return Gpu("GPU of this machine, matrix products measured", measured, efficiency)
    return Gpu("NVIDIA A100, peak of the datasheet", A100_TFLOPS * 1e12, efficiency)
