"""A process that draws noise and nothing else: `python -m workers.noise_process`.

It is started afresh, not forked, so its randomness is its own. It is asked for so many draws of one scale on standard
input and answers with them on standard output; of what the noise is for it learns nothing. The end of its input ends it.

    request: mode: 1 byte ("g" Gaussian, "l" Laplace) · scale: double · number of draws: uint32     little-endian
    answer:  int64 for each draw
"""

import os
import struct
from typing import BinaryIO

from sandbox.terms.loss import Mode

REQUEST = struct.Struct("<cdI")
MODES = {b"g": Mode.ZCDP, b"l": Mode.PURE}


def serve(asked: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until they end.

    Raises:
        KeyError, ValueError: not a request.
    """
    from workers import noise

    while request := asked.read(REQUEST.size):
        mode, scale, count = REQUEST.unpack(request)
        answers.write(noise.draws(MODES[mode], scale, count).astype("<i8").tobytes())
        answers.flush()


def main() -> None:
    """Serve the process that started this one."""
    from workers.confine import forbid_dumps

    forbid_dumps()
    with os.fdopen(0, "rb") as asked, os.fdopen(1, "wb") as answers:
        serve(asked, answers)


if __name__ == "__main__":
    main()
