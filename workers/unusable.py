"""How a steward's file is refused: the file, the column, the row, and what is expected there. Never a value."""

from dataclasses import dataclass

from sandbox.terms.refusal import FileNotUsable


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file: `row` counts the rows of data from 1, so a CSV file's header is not one."""

    file: str
    column: str | None = None
    row: int | None = None

    @property
    def whole(self) -> "Place":
        """The same file and column, every row of it."""
        return Place(self.file, self.column)

    def refusal(self, expected: str) -> FileNotUsable:
        """The refusal that says what was expected here."""
        named = [self.file]
        if self.column is not None:
            named.append(f"column {self.column}")
        if self.row is not None:
            named.append(f"row {self.row}")
        return FileNotUsable(
            f"{', '.join(named)}: expected {expected}.",
            file=self.file,
            column=self.column,
            row=self.row,
            expected=expected,
        )
