"""Arrays as compiled code takes them: one type, so that nothing is compiled twice."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def frozen(array: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """A read-only view in C order of that type; a copy where the array is not so already."""
    view = np.ascontiguousarray(array, dtype).view()
    view.flags.writeable = False
    return view
