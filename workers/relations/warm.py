"""Compiling ahead: every compiled pass that a relation may need, run over two rows."""

import numpy as np

from sandbox.plan.nodes import ColumnRef
from sandbox.plan.relations import Join, PerUnit, Scan, UnitAggregate
from sandbox.terms.dataset import Type
from workers.bucket import Bucket, ColumnArray, UnitRuns
from workers.relations.execute import relation_pieces
from workers.relations.sources import HeldSources

_TYPES = {"real": Type.FLOAT, "whole": Type.INT}
_AGGREGATES = (("count", "whole"), ("count_distinct", "whole"), ("sum", "whole"), ("sum", "real"), ("min", "real"))


def compile_relation_passes() -> None:
    """Group and join two rows in every way there is."""
    columns = {"real": ColumnArray(np.ones(2)), "whole": ColumnArray(np.ones(2, np.int64))}
    units = UnitRuns(np.ones(1, np.uint64), np.ones(1, np.uint64), np.full(1, 2, np.int64))
    table = Bucket(2, units.runs, columns, units)
    left, right = (Scan("warm", "warm", prefix, tuple(_TYPES.items()), 2, 2) for prefix in ("l.", "r."))
    whole = ColumnRef("l.whole", Type.INT)
    join = Join(left, right, "left", ((whole, ColumnRef("r.whole", Type.INT)),), 4, unique=False)
    made = tuple(
        (f"a{number}", UnitAggregate(function, ColumnRef(f"l.{name}", _TYPES[name]), _TYPES[name]))
        for number, (function, name) in enumerate(_AGGREGATES)
    )
    for _ in relation_pieces(PerUnit(join, (("key", whole),), made), HeldSources({("warm", "warm"): table})):
        pass
