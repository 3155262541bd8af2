"""A Ray without the enclave's care: rows put into its object store until it spills them, in plain, below the folder.

Run as a script: `ray_spill.py CSV FOLDER`; it says "ready", and ends with its standard input.
"""

import csv
import os
import sys
from pathlib import Path

import numpy as np


def main(source: str, folder: str) -> None:
    import ray

    with Path(source).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    ray.init(
        num_cpus=1,
        include_dashboard=False,
        configure_logging=False,
        log_to_driver=False,
        object_store_memory=100 * 2**20,
        _temp_dir=folder,
    )
    kept = [ray.put((rows, np.full(8 << 20, number, np.int64))) for number in range(5)]
    ray.get(kept[-1])
    print("ready", flush=True)
    sys.stdin.read()  # what was spilled goes with the session
    ray.shutdown()


if __name__ == "__main__":
    os.umask(0o077)
    main(*sys.argv[1:])
