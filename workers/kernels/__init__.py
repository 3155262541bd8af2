"""What the functions of the plan mean over the rows of a block: the same as `sandbox.plan.functions`, vectorised.

Numbers and moments are worked out row by row in whole arrays; whatever meets a text, once for each distinct combination of
arguments. Every kernel is total.
"""

from collections.abc import Mapping
from types import MappingProxyType

from workers.kernels import casts, conditionals, moments, numbers, texts
from workers.kernels.kernel import Kernel

__all__ = ["KERNELS", "Kernel"]

KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {**numbers.KERNELS, **texts.KERNELS, **moments.KERNELS, **conditionals.KERNELS, **casts.KERNELS}
)
"""Name → kernel: exactly the names of the function table."""
