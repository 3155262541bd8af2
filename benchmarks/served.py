"""What the enclave itself took, by its own log: from the moment a query was accepted to its noisy answer.

The log says when the loss was reserved and when the answer was committed; only without the release clock do these moments
follow the work, else they follow the clock.
"""

import json
from datetime import datetime

from sandbox.client.release import Release


def seconds(release: Release) -> float:
    """Seconds from the reserving entry to the committing one."""
    reserved, committed = (
        datetime.fromisoformat(json.loads(release.document["receipts"][name]["entry"])["at"])
        for name in ("reserved", "committed")
    )
    return (committed - reserved).total_seconds()
