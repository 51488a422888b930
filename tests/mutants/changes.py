"""Small changes of Python and Lua source, each of which some test should notice. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final, NamedTuple


class Change(NamedTuple):
    """One wrong version of a file: the line that differs, how, and the whole text."""

    line: int
    what: str
    text: str


_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_OPERATORS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
}
_NAMES: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}
# What only explains or reports: no test has to notice.
_SILENT: Final = {"log", "logger", "warnings"}


def python_changes(source: str) -> Iterator[Change]:
    """Yield every change of a Python module."""
    lines = source.splitlines(keepends=True)
    for node in _live_nodes(ast.parse(source)):
        for other in _others(node):
            before, after = _segment(source, node), ast.unparse(other)
            if isinstance(node, ast.expr):
                after = f"({after})"
            text = _replaced(lines, node, after)
            yield Change(node.lineno, f"{before[:60]} -> {after[:60]}", text)


def _live_nodes(tree: ast.Module) -> Iterator[ast.expr | ast.stmt]:
    """Yield the nodes that run: no annotation, option of a class, docstring, import or log line."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom) or _is_silent(node):
            continue
        if isinstance(node, ast.expr | ast.stmt):
            yield node
        for name, value in ast.iter_fields(node):
            if name in {"annotation", "returns", "decorator_list", "bases"}:
                continue
            if name == "keywords" and isinstance(node, ast.ClassDef):
                continue
            found = value if isinstance(value, list) else [value]
            waiting += [child for child in found if isinstance(child, ast.AST)]


def _is_silent(node: ast.AST) -> bool:
    if not isinstance(node, ast.Expr):
        return isinstance(node, ast.JoinedStr | ast.Assert | ast.Raise)
    if isinstance(node.value, ast.Constant):
        return True
    call = node.value
    name = (
        call.func.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
        else None
    )
    return isinstance(name, ast.Name) and name.id in _SILENT


def _others(node: ast.expr | ast.stmt) -> Iterator[ast.AST]:
    """Yield what may stand in the place of a node."""
    match node:
        case ast.Compare(ops=[op, *rest]) if type(op) in _COMPARISONS:
            yield ast.Compare(node.left, [_COMPARISONS[type(op)](), *rest], node.comparators)
        case ast.BoolOp():
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield ast.BoolOp(other, node.values)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.BinOp() if type(node.op) in _OPERATORS and not _is_text(node):
            yield ast.BinOp(node.left, _OPERATORS[type(node.op)](), node.right)
        case ast.Constant(value=bool()):
            yield ast.Constant(not node.value)
        case ast.Constant(value=int() | float() as number):
            yield ast.Constant(number + 1)
        case ast.Call(func=ast.Name(id=name)) if name in _NAMES:
            yield ast.Call(ast.Name(_NAMES[name]), node.args, node.keywords)
        case ast.IfExp():
            yield ast.IfExp(node.test, node.orelse, node.body)
        case ast.Expr(value=ast.Call()) | ast.Expr(value=ast.Await()) | ast.AugAssign():
            yield ast.Pass()
        case ast.Return(value=ast.expr() as value) if not _is_no(value):
            yield ast.Return(ast.Constant(None))
        case ast.Continue():
            yield ast.Break()


def _is_no(node: ast.expr) -> bool:
    """Whether it is None, or False, which nobody tells from None."""
    return isinstance(node, ast.Constant) and (node.value is None or node.value is False)


def _is_text(node: ast.BinOp) -> bool:
    parts = (node.left, node.right)
    return any(isinstance(p, ast.Constant | ast.JoinedStr) and not _is_number(p) for p in parts)


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def _segment(source: str, node: ast.expr | ast.stmt) -> str:
    return " ".join((ast.get_source_segment(source, node) or "").split())


def _replaced(lines: list[str], node: ast.expr | ast.stmt, after: str) -> str:
    """Return the text with a node's place taken by other words; columns count bytes."""
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    head = lines[first].encode()[: node.col_offset].decode()
    tail = lines[last].encode()[node.end_col_offset :].decode()
    return "".join([*lines[:first], head + after + tail, *lines[last + 1 :]])


_LUA: Final = (
    (re.compile(r"~="), "=="),
    (re.compile(r"=="), "~="),
    (re.compile(r"(?<![<>=~])>(?!=)"), ">="),
    (re.compile(r"(?<![<>=~])<(?!=)"), "<="),
    (re.compile(r"\band\b"), "or"),
    (re.compile(r"\bor\b"), "and"),
    (re.compile(r"\bnot "), ""),
    (re.compile(r"(?<=[\s(,])1(?=[\s),])"), "2"),
    (re.compile(r" \+ "), " - "),
    (re.compile(r"math\.max"), "math.min"),
    (re.compile(r"^\s*redis\.call\([^\n]*\)$"), ""),
)


def lua_changes(source: str) -> Iterator[Change]:
    """Yield every change of a Lua script."""
    lines = source.splitlines(keepends=True)
    for number, line in enumerate(lines):
        code = line.partition("--")[0]
        for pattern, after in _LUA:
            for found in pattern.finditer(code.rstrip("\n")):
                changed = line[: found.start()] + after + line[found.end() :]
                what = f"{found[0].strip()[:60]} -> {after or 'nothing'}"
                text = "".join([*lines[:number], changed, *lines[number + 1 :]])
                yield Change(number + 1, what, text)
