"""Datasets: what one may request, what one may use, and for stewards, registering and loading."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from sandbox.client.calls import Calls, items, segment
from sandbox.terms.refusal import Fault, from_problem

Progress: TypeAlias = Callable[[str, int, int], None]
"""Told phase, done, total."""

_POLL_SECONDS = (0.05, 0.1, 0.2, 0.5)


class DatasetCalls(Calls):
    """Descriptions and loads; never a row."""

    def catalogue(self) -> list[dict[str, Any]]:
        """Every registered dataset: what a grant can be requested for."""
        return items(self.transport.json("GET", "/v1/catalogue"), "datasets")

    def offer(self, name: str) -> dict[str, Any]:
        """Tables, columns and bounds of a registered dataset, to request a grant from."""
        return self.transport.json("GET", f"/v1/catalogue/{segment(name)}")

    def datasets(self) -> list[dict[str, Any]]:
        """The datasets you may use: those your grants cover, or that you speak for."""
        return items(self.transport.json("GET", "/v1/datasets"), "datasets")

    def dataset(self, name: str) -> dict[str, Any]:
        """Tables, columns and bounds of one of them; never a row."""
        return self.transport.json("GET", f"/v1/datasets/{segment(name)}")

    def register(self, text: str, file: str = "description.toml") -> dict[str, Any]:
        """Register a dataset by the TOML text of its description (stewards). `file` names it in messages."""
        return self.transport.json("POST", "/v1/datasets", body={"description": text, "file": file})

    def begin_load(self, name: str, files: Mapping[str, str], mode: str = "whole") -> dict[str, Any]:
        """Start to load a new version from files of the inbox: table → bare file name (stewards).

        Args:
            name: the dataset.
            files: one for every table, or with another mode than "whole" for some.
            mode: "whole"; "append" adds rows to the current version; "replace-units" does too, but a unit that has rows in a
                table's file has in that table these rows alone.
        """
        body = {"files": dict(files), "mode": mode}
        return self.transport.json("POST", f"/v1/datasets/{segment(name)}/versions", body=body)

    def load_status(self, load: str) -> dict[str, Any]:
        """State, phase, done, total of a load."""
        return self.transport.json("GET", f"/v1/loads/{segment(load)}")

    def load(
        self, name: str, files: Mapping[str, str], progress: Progress | None = None, mode: str = "whole"
    ) -> dict[str, Any]:
        """Load a new version and wait until it is current; gives the version (dataset, number, manifest). `mode` is that of
        `begin_load`.

        Raises:
            FileNotUsable: nothing of the files was loaded. Fault: the enclave failed.
        """
        view = self.begin_load(name, files, mode)
        tries = 0
        while view.get("state") == "running":
            time.sleep(_POLL_SECONDS[min(tries, len(_POLL_SECONDS) - 1)])
            tries += 1
            view = self.load_status(str(view["id"]))
            if progress is not None:
                progress(str(view.get("phase") or ""), int(view.get("done") or 0), int(view.get("total") or 0))
        version = view.get("version")
        if view.get("state") == "done" and isinstance(version, dict):
            return version
        problem = view.get("problem")
        raise from_problem(problem) if isinstance(problem, dict) else Fault()
