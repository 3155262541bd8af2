"""What a running face holds: the enclave behind it, whether it may answer, and how many callers may wait at once."""

from collections.abc import Callable
from dataclasses import dataclass

from anyio import CapacityLimiter

from sandbox.service.enclave import Enclave
from sandbox.terms.refusal import EnclaveNotReady, EnclaveSealed

STARTING, READY, SEALED = "starting", "ready", "sealed"
MAX_WAITING = 64
"""Callers that hold a thread while they wait for an answer; one more is answered at once, unwaited."""
MAX_ASKING = 192
"""Submissions that hold a thread while they are read or stand in the line, which is shorter; more wait to be read."""


@dataclass(frozen=True, slots=True)
class Face:
    """`ready` gives "starting", "ready" or "sealed"."""

    enclave: Enclave
    ready: Callable[[], str]
    waiting: CapacityLimiter
    asking: CapacityLimiter

    def check_open(self, *, evidence: bool = False) -> None:
        """Refuse work before the first engine stands or after a failed check; a sealed enclave still shows its evidence.

        Raises:
            EnclaveNotReady, EnclaveSealed.
        """
        state = self.ready()
        if state == READY or (state == SEALED and evidence):
            return
        raise EnclaveSealed if state == SEALED else EnclaveNotReady
