"""Kernels: small functions in a corner of Python that run as they are, and that LLVM compiles as well.

What walks over savefiles must run at the speed of memory where there is LLVM, and must run where there is none. So it
is written once, as ordinary functions that keep to this:

* every value is a whole number, 0 to 2**64 - 1, and nothing may wrap; parameters and variables, by position only;
* ``+ - * // % & | ^ << >>`` with divisors that are not 0, comparisons, ``in`` of a tuple, ``and``, ``or``, ``not``,
  conditional expressions;
* assignments, ``if``, ``while``, ``break``, ``continue``, ``return``;
* calls of the functions below, of other kernels, and of what is named as given when a kernel is compiled;
* module constants that are numbers.

Buffers are passed along, never computed with: for Python they are bytearrays and the like, for LLVM addresses.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from operator import eq, gt, lt, ne
from struct import Struct
from types import FunctionType
from typing import Any, Final

Buffer = Any
"""Memory: an object with a buffer to Python, an address to LLVM."""

_HALF: Final = Struct("=H")
_WORD: Final = Struct("=I")
_LONG: Final = Struct("=Q")


# What a kernel may do with memory, in this machine's byte order. Nothing is checked but by Python.


def load8(buffer: Buffer, offset: int) -> int:
    return int(buffer[offset])


def load16(buffer: Buffer, offset: int) -> int:
    return int(_HALF.unpack_from(buffer, offset)[0])


def load32(buffer: Buffer, offset: int) -> int:
    return int(_WORD.unpack_from(buffer, offset)[0])


def load64(buffer: Buffer, offset: int) -> int:
    return int(_LONG.unpack_from(buffer, offset)[0])


def store32(buffer: Buffer, offset: int, value: int) -> None:
    _WORD.pack_into(buffer, offset, value & 0xFFFFFFFF)


def store64(buffer: Buffer, offset: int, value: int) -> None:
    _LONG.pack_into(buffer, offset, value)


def swap16(value: int) -> int:
    """The two bytes of a number in the other order."""
    return int.from_bytes(value.to_bytes(2, "little"), "big")


def swap32(value: int) -> int:
    """The four bytes of a number in the other order."""
    return int.from_bytes(value.to_bytes(4, "little"), "big")


def copy(target: Buffer, to: int, source: Buffer, start: int, count: int) -> None:
    """Copy bytes from one buffer to another one, or to another place in it."""
    target[to : to + count] = source[start : start + count]


def lowest_bit(value: int) -> int:
    """The number of the lowest bit that is set; one must be."""
    return (value & -value).bit_length() - 1


Function = Callable[..., Any]

# Each of the functions above in LLVM: what computes the result, with {0}, {1}... for the arguments.
_INTRINSICS: Final[dict[Function, str]] = {
    **{
        load: f"""
  {{t}}a = add i64 {{0}}, {{1}}
  {{t}}p = inttoptr i64 {{t}}a to ptr
  {{t}}v = load i{bits}, ptr {{t}}p, align 1
  {{t}} = {"zext" if bits < 64 else "bitcast"} i{bits} {{t}}v to i64"""
        for load, bits in ((load8, 8), (load16, 16), (load32, 32), (load64, 64))
    },
    store32: """
  {t}a = add i64 {0}, {1}
  {t}p = inttoptr i64 {t}a to ptr
  {t}v = trunc i64 {2} to i32
  store i32 {t}v, ptr {t}p, align 1""",
    store64: """
  {t}a = add i64 {0}, {1}
  {t}p = inttoptr i64 {t}a to ptr
  store i64 {2}, ptr {t}p, align 1""",
    **{
        swap: f"""
  {{t}}v = trunc i64 {{0}} to i{bits}
  {{t}}s = call i{bits} @llvm.bswap.i{bits}(i{bits} {{t}}v)
  {{t}} = zext i{bits} {{t}}s to i64"""
        for swap, bits in ((swap16, 16), (swap32, 32))
    },
    copy: """
  {t}a = add i64 {0}, {1}
  {t}p = inttoptr i64 {t}a to ptr
  {t}b = add i64 {2}, {3}
  {t}q = inttoptr i64 {t}b to ptr
  call void @llvm.memmove.p0.p0.i64(ptr {t}p, ptr {t}q, i64 {4}, i1 false)""",
    lowest_bit: """
  {t} = call i64 @llvm.cttz.i64(i64 {0}, i1 true)""",
}

DECLARATIONS: Final = """
declare i16 @llvm.bswap.i16(i16)
declare i32 @llvm.bswap.i32(i32)
declare i64 @llvm.cttz.i64(i64, i1)
declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)
"""

_OPERATORS: Final[dict[type[ast.AST], str]] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.FloorDiv: "udiv",
    ast.Mod: "urem",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.LShift: "shl",
    ast.RShift: "lshr",
}
_COMPARISONS: Final[dict[type[ast.AST], str]] = {
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Lt: "ult",
    ast.LtE: "ule",
    ast.Gt: "ugt",
    ast.GtE: "uge",
}


_PYTHON_COMPARISONS: Final[dict[type[ast.AST], Callable[[int, int], bool]]] = {
    ast.Eq: eq,
    ast.NotEq: ne,
    ast.Gt: gt,
    ast.Lt: lt,
}


def compiled(functions: Iterable[Function], given: Mapping[str, int | str]) -> str:
    """Kernels as definitions in LLVM's language, with those that they call.

    ``given`` has constants by the names that stand for them in the kernels, and names of LLVM functions for what is
    called by other names there. The ``functions`` can be called from outside.
    """
    made: dict[str, str] = {}
    for function in functions:
        _Translation(function, given, made).make(entry=True)
    return "\n".join(made.values())


def bound(function: Function, given: Mapping[str, object]) -> Function:
    """The kernel ``function`` for Python, with what is ``given`` under its names, there and in the kernels it calls."""
    names: dict[str, Any] = {**function.__globals__, **given}
    waiting, known = [function], {function.__name__, *given}
    while waiting:
        each = waiting.pop()
        names[each.__name__] = FunctionType(each.__code__, names, each.__name__)
        called = [function.__globals__.get(name) for name in each.__code__.co_names if name not in known]
        kernels = [one for one in called if inspect.isfunction(one) and one.__module__ == function.__module__]
        known.update(kernel.__name__ for kernel in kernels)
        waiting += kernels
    made: Function = names[function.__name__]
    return made


@cache
def _trees(module: str) -> Mapping[str, ast.FunctionDef]:
    """The functions of a module: to read it as a whole takes less time than to find each in it."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


class _Translation:
    """One kernel: its statements become blocks of LLVM instructions, its variables cells on the stack."""

    def __init__(self, function: Function, given: Mapping[str, int | str], made: dict[str, str]) -> None:
        self._function = function
        self._given = given
        self._made = made
        self._tree = _trees(function.__module__)[function.__name__]
        self._globals: Mapping[str, Any] = function.__globals__
        self._lines: list[str] = []
        self._cells: list[str] = []  # for the values of conditional expressions
        self._count = 0
        self._loops: list[tuple[str, str]] = []  # where continue and break lead
        self._ended = False  # whether the block so far has its last instruction

    def make(self, *, entry: bool) -> None:
        name = self._function.__name__
        self._made[name] = ""  # before those it calls
        names = [argument.arg for argument in self._tree.args.args]
        stored = {node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name) and _is_stored(node)}
        self._locals = {*names, *stored}
        for statement in self._tree.body:
            self._statement(statement)
        if not self._ended:
            self._emit("ret i64 0")
        parameters = ", ".join(f"i64 %{name}.in" for name in names)
        self._made[name] = "\n".join(
            [
                f"define {'' if entry else 'internal '}i64 @{name}({parameters}) {'' if entry else 'alwaysinline '}{{",
                *(f"  %{local} = alloca i64" for local in sorted(self._locals)),
                *(f"  {cell} = alloca i64" for cell in self._cells),
                *(f"  store i64 %{name}.in, ptr %{name}" for name in names),
                *self._lines,
                "}",
            ]
        )

    # Statements.

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                self._emit(f"store i64 {self._value(value)}, ptr %{name}")
            case ast.AugAssign(target=ast.Name(id=name) as target, op=operator, value=value):
                read = ast.copy_location(ast.Name(id=target.id, ctx=ast.Load()), node)
                self._emit(f"store i64 {self._operation(operator, read, value)}, ptr %{name}")
            case ast.If(test=test, body=body, orelse=orelse):
                self._if(test, body, orelse)
            case ast.While(test=test, body=body, orelse=[]):
                self._while(test, body)
            case ast.Break():
                self._jump(self._loops[-1][1])
            case ast.Continue():
                self._jump(self._loops[-1][0])
            case ast.Return(value=ast.expr() as value):
                self._emit(f"ret i64 {self._value(value)}")
                self._ended = True
            case ast.Expr(value=ast.Call() as call):
                self._value(call)
            case ast.Expr(value=ast.Constant()):  # the docstring
                pass
            case _:
                raise self._unknown(node)

    def _if(self, test: ast.expr, body: Sequence[ast.stmt], orelse: Sequence[ast.stmt]) -> None:
        known = self._known(test)
        if known is not None:  # what was given decides: the other side need not be there
            for statement in body if known else orelse:
                self._statement(statement)
            return
        then, other, after = self._labels("then", "else", "after")
        self._condition(test, then, other)
        for label, statements in ((then, body), (other, orelse)):
            self._block(label)
            for statement in statements:
                self._statement(statement)
            self._jump(after)
        self._block(after)

    def _while(self, test: ast.expr, body: Sequence[ast.stmt]) -> None:
        again, inside, after = self._labels("again", "inside", "after")
        self._jump(again)
        self._block(again)
        self._condition(test, inside, after)
        self._loops.append((again, after))
        self._block(inside)
        for statement in body:
            self._statement(statement)
        self._jump(again)
        self._loops.pop()
        self._block(after)

    def _known(self, test: ast.expr) -> bool | None:
        """What a condition is that depends on constants only, or on one that decides it."""
        match test:
            case ast.BoolOp(op=operator, values=values):
                decisive = isinstance(operator, ast.Or)
                answers = [self._known(value) for value in values]
                if decisive in answers:
                    return decisive
                return None if None in answers else not decisive
            case ast.Compare(left=ast.Name(id=name), ops=[operator], comparators=[right]) if name not in self._locals:
                compare = _PYTHON_COMPARISONS.get(type(operator))
                variable = isinstance(right, ast.Name) and right.id in self._locals
                if compare is None or variable or not isinstance(right, ast.Name | ast.Constant):
                    return None
                return compare(int(self._value(ast.Name(name))), int(self._value(right)))
            case ast.Name(id=name) if name not in self._locals:
                return self._value(test) != "0"
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                known = self._known(operand)
                return None if known is None else not known
        return None

    def _condition(self, test: ast.expr, then: str, other: str) -> None:
        """Jump to one label or the other."""
        match test:
            case ast.BoolOp(op=operator, values=values):
                for value in values[:-1]:
                    (following,) = self._labels("next")
                    if isinstance(operator, ast.And):
                        self._condition(value, following, other)
                    else:
                        self._condition(value, then, following)
                    self._block(following)
                self._condition(values[-1], then, other)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                self._condition(operand, other, then)
            case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in _COMPARISONS:
                first, second = self._value(left), self._value(right)
                self._branch(f"icmp {_COMPARISONS[type(operator)]} i64 {first}, {second}", then, other)
            case ast.Compare(left=left, ops=[ast.In() | ast.NotIn() as operator], comparators=[ast.Tuple(elts=among)]):
                found, missed = (then, other) if isinstance(operator, ast.In) else (other, then)
                one = self._value(left)
                for number in among:
                    (following,) = self._labels("next")
                    self._branch(f"icmp eq i64 {one}, {self._value(number)}", found, following)
                    self._block(following)
                self._jump(missed)
            case _:
                self._branch(f"icmp ne i64 {self._value(test)}, 0", then, other)

    # Expressions: what is returned stands for the value in an instruction.

    def _value(self, node: ast.expr) -> str:
        match node:
            case ast.Constant(value=int(number)):
                return str(int(number))
            case ast.Name(id=name) if name in self._locals:
                return self._result(f"load i64, ptr %{name}")
            case ast.Name(id=name):
                return self._constant(name, node)
            case ast.BinOp(left=left, op=operator, right=right):
                return self._operation(operator, left, right)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self._choice(test, body, orelse)
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                return self._choice(node, ast.Constant(1), ast.Constant(0))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, [self._value(argument) for argument in arguments], node)
        raise self._unknown(node)

    def _constant(self, name: str, node: ast.AST) -> str:
        value = self._given.get(name, self._globals.get(name))
        if not isinstance(value, int):
            raise self._unknown(node)
        return str(int(value))

    def _operation(self, operator: ast.operator, left: ast.expr, right: ast.expr) -> str:
        if type(operator) not in _OPERATORS:
            raise self._unknown(operator)
        first, second = self._value(left), self._value(right)
        return self._result(f"{_OPERATORS[type(operator)]} i64 {first}, {second}")

    def _choice(self, test: ast.expr, body: ast.expr, orelse: ast.expr) -> str:
        cell = self._fresh()
        self._cells.append(cell)
        then, other, after = self._labels("then", "else", "after")
        self._condition(test, then, other)
        for label, value in ((then, body), (other, orelse)):
            self._block(label)
            self._emit(f"store i64 {self._value(value)}, ptr {cell}")
            self._jump(after)
        self._block(after)
        return self._result(f"load i64, ptr {cell}")

    def _call(self, name: str, arguments: Sequence[str], node: ast.AST) -> str:
        called = self._given.get(name, self._globals.get(name))
        if not isinstance(called, str):
            if called in _INTRINSICS:
                result = self._fresh()
                for line in _INTRINSICS[called].format(*arguments, t=result).split("\n")[1:]:
                    self._emit(line.strip())
                return result
            if not inspect.isfunction(called):
                raise self._unknown(node)
            if called.__name__ not in self._made:
                _Translation(called, self._given, self._made).make(entry=False)
            called = called.__name__
        return self._result(f"call i64 @{called}({', '.join(f'i64 {argument}' for argument in arguments)})")

    # Instructions.

    def _emit(self, line: str) -> None:
        if not self._ended:
            self._lines.append(f"  {line}")

    def _result(self, instruction: str) -> str:
        name = self._fresh()
        self._emit(f"{name} = {instruction}")
        return name

    def _branch(self, condition: str, then: str, other: str) -> None:
        self._emit(f"br i1 {self._result(condition)}, label %{then}, label %{other}")
        self._ended = True

    def _jump(self, label: str) -> None:
        self._emit(f"br label %{label}")
        self._ended = True

    def _block(self, label: str) -> None:
        self._lines.append(f"{label}:")
        self._ended = False

    def _labels(self, *names: str) -> list[str]:
        self._count += 1
        return [f"{name}.{self._count}" for name in names]

    def _fresh(self) -> str:
        self._count += 1
        return f"%t{self._count}"

    def _unknown(self, node: ast.AST) -> NotImplementedError:
        where = f"{self._function.__name__}, line {getattr(node, 'lineno', '?')}"
        return NotImplementedError(f"{where}: no kernel can say this: {ast.dump(node)}")


def _is_stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)
