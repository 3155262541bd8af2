"""The functions of the language, one entry each: name, types, what is known of the result, meaning, words."""

from sandbox.plan.functions.table import FUNCTIONS, overload, overloads

__all__ = ["FUNCTIONS", "overload", "overloads"]
