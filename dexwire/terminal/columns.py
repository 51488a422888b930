"""Which columns and words fit into a width. Pure: figures are never cut, they leave as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

NAME_WIDTH: Final = (8, 24)  # least and most of the one column that may be cut
_WIDE: Final = 80  # from here on, two spaces between columns


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it would be drawn; the one with the highest `leaves` leaves first."""

    title: str
    cells: Sequence[Text]
    leaves: int  # 0: never
    least: int = 0  # its figures come and go: a width that it keeps
    cut: bool = False  # names may be
    left: bool = False
    style: str = ""

    @property
    def width(self) -> int:
        """How wide it has to be."""
        return max(self.least, cell_len(self.title), *(text.cell_len for text in self.cells), 0)


def fitting(columns: Sequence[Column], width: int | None) -> tuple[list[Column], list[int], int]:
    """Return the columns that fit, their widths, and the space between them."""
    gap = 1 if width is not None and width < _WIDE else 2
    least, most = NAME_WIDTH
    kept = list(columns)
    while True:
        widths = [min(least if c.cut else c.width, c.width) for c in kept]
        room = _room(widths, gap, width)
        if room >= 0 or not any(column.leaves for column in kept):
            break
        kept.remove(max(kept, key=lambda column: column.leaves))
    for at, column in enumerate(kept):
        if column.cut:
            widths[at] = min(column.width, most, widths[at] + max(0, room))
    return kept, widths, gap


def _room(widths: Sequence[int], gap: int, width: int | None) -> int:
    return 1_000 if width is None else width - sum(widths) - gap * (len(widths) - 1)


def drawn(columns: Sequence[Column], row_styles: Sequence[str], width: int | None) -> Table:
    """Return the table of what fits into `width` cells, None: of everything."""
    kept, widths, gap = fitting(columns, width)
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold")
    for column, wide in zip(kept, widths, strict=True):
        table.add_column(
            column.title,
            justify="left" if column.left else "right",
            style=column.style,
            no_wrap=True,
            min_width=wide,
            max_width=wide,
        )
    for number, style in enumerate(row_styles):
        table.add_row(*(column.cells[number] for column in kept), style=style)
    return table


def line(parts: Sequence[tuple[int, Text]], width: int | None) -> Text:
    """Return what fits of one line; parts (when they leave, text) are two spaces apart."""
    kept = list(parts)
    while width is not None and len(kept) > 1:
        if sum(text.cell_len for _, text in kept) + 2 * (len(kept) - 1) <= width:
            break
        kept.remove(max(kept, key=lambda part: part[0]))
    shown = Text("  ", no_wrap=True, overflow="ellipsis").join([text for _, text in kept])
    shown.no_wrap, shown.overflow = True, "ellipsis"
    return shown
