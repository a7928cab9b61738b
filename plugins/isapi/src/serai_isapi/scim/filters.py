"""SCIM filters and sort keys (RFC 7644, 3.4.2.2 and 3.4.2.3) as SQL.

A condition is true exactly where `ScimFilter.match` says so, and false or NULL elsewhere; `not` makes two values of
three with `is not true`. Comparisons for equality stand bare, so that indexes on the compared expressions are used.
"""

from __future__ import annotations

import re
from datetime import datetime
from inspect import isclass
from typing import Any

from scim2_models import ComplexAttribute, InvalidFilterException, Resource, ScimFilter, SearchRequest
from scim2_models.path import (
    AttributeBinding,
    AttrPath,
    CompareOperator,
    Comparison,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
    coerce_value,
)

from serai_isapi.scim.reading import Entry, Reading, path_of, refuse_filter
from serai_isapi.statement import Statement

LONGEST = 2_000
"""Characters of a filter."""
DEEPEST = 20
"""Brackets of a filter within each other."""

_ORDERED = {CompareOperator.gt: ">", CompareOperator.ge: ">=", CompareOperator.lt: "<", CompareOperator.le: "<="}
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def check_size(text: str) -> None:
    """Refuse a filter that is too long or too deep, before anybody parses it."""
    if len(text) > LONGEST:
        raise InvalidFilterException(detail=f"The filter has {len(text)} characters, at most {LONGEST} are taken")
    depth = deepest = 0
    for character in _STRINGS.sub("", text):
        depth += (character in "([") - (character in ")]")
        deepest = max(deepest, depth)
    if deepest > DEEPEST:
        raise InvalidFilterException(detail=f"The filter is {deepest} brackets deep, at most {DEEPEST} are taken")


def condition_of(scim_filter: ScimFilter[Any], model: type[Resource[Any]], reading: Reading, add: Statement) -> str:
    """The condition of a filter on resources of the model; its values go to the statement."""
    bound = ScimFilter[model](str(scim_filter))  # type: ignore[valid-type]  # a search at the root is bound to all
    return _Sql(bound, reading, add).visit(bound.ast)


def sort_key_of(search: SearchRequest[Any], model: type[Resource[Any]], reading: Reading) -> str:
    """The expression, always text, that resources of the model are sorted by."""
    binding = search.sort_binding(model)
    if binding is None:
        return "null::text"
    path, sub = path_of(binding)
    expression = reading.first(path, sub or "value") if binding.is_multivalued else reading.single(path)
    if expression is None:
        return "null::text"
    if binding.target_type is datetime:
        return f"to_char({expression} at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
    return _comparable(binding, f"({expression})::text")


class _Sql(FilterVisitor[str]):
    """Walks a filter. Inside `emails[...]`, `entry` gives the sub-attributes of the entry that is looked at."""

    def __init__(
        self,
        bound: ScimFilter[Any],
        reading: Reading,
        add: Statement,
        *,
        outer: AttrPath | None = None,
        entry: Entry | None = None,
    ) -> None:
        self._bound = bound
        self._reading = reading
        self._add = add
        self._outer = outer
        self._entry = entry

    def visit_logical_expr(self, node: LogicalExpr) -> str:
        word = " and " if node.op is LogicalOperator.and_ else " or "
        return f"({word.join(self.visit(term) for term in node.terms)})"

    def visit_not(self, node: Not) -> str:
        return f"(({self.visit(node.expr)}) is not true)"

    def visit_present(self, node: Present) -> str:
        binding = self._resolve(node.attr_path, compared=False)
        if binding is None:
            return "false"
        path, sub = path_of(binding)
        if self._entry is not None:
            return _filled(self._entry(sub or ""))
        if not binding.is_multivalued:
            inside = self._reading.inside(path) if _is_complex(binding) else [self._reading.single(path)]
            return f"({' or '.join(map(_filled, inside)) or 'false'})"
        if sub is None:
            return self._reading.any_filled(path)
        return self._reading.any_entry(path, lambda entry: _filled(entry(sub)))

    def visit_comparison(self, node: Comparison) -> str:
        binding = self._resolve(node.attr_path, compared=True)
        if binding is None:
            return "false"
        path, sub = path_of(binding)
        value = coerce_value(binding, node.value, node.op)
        if self._entry is not None:
            return self._compare(binding, self._entry(sub or ""), node.op, value)
        if not binding.is_multivalued:
            return self._narrow(binding, path, node.op, value) + self._compare(
                binding, self._reading.single(path), node.op, value
            )
        if sub is None or value is None:
            raise refuse_filter(f"{node.attr_path} {node.op} null" if value is None else str(node.attr_path))
        if node.op is CompareOperator.ne:  # no entry equals it
            return f"(({self._any(binding, path, sub, CompareOperator.eq, value)}) is not true)"
        return self._any(binding, path, sub, node.op, value)

    def visit_value_path(self, node: ValuePath) -> str:
        binding = self._resolve(node.attr_path, compared=False)
        if binding is None:
            return "false"
        path, _ = path_of(binding)

        def inner(entry: Entry) -> str:
            return _Sql(self._bound, self._reading, self._add, outer=node.attr_path, entry=entry).visit(node.val_filter)

        return self._reading.any_entry(path, inner)

    def _resolve(self, path: AttrPath, *, compared: bool) -> AttributeBinding | None:
        if self._outer is not None:
            path = AttrPath(self._outer.attr, path.attr, self._outer.uri)
        if path.attr.lower() == "groups":
            raise refuse_filter("groups")  # derived from the groups, which can be filtered by their members
        resolve = self._bound.resolve_comparison if compared else self._bound.resolve
        return resolve(path, strict=False)

    def _narrow(self, binding: AttributeBinding, path: str, op: CompareOperator, value: Any) -> str:
        """What lets an index find the few rows that the comparison, which follows, can be true of."""
        indexed = self._reading.indexed(path)
        if op is not CompareOperator.eq or not isinstance(value, str) or not indexed or _UNSTORABLE.search(value):
            return ""
        right = self._add.value(binding.comparable(str(value)))
        return f"({' or '.join(f'{expression} = {right}' for expression in indexed)}) and "

    def _any(self, binding: AttributeBinding, path: str, sub: str, op: CompareOperator, value: Any) -> str:
        return self._reading.any_entry(path, lambda entry: self._compare(binding, entry(sub), op, value))

    def _compare(self, binding: AttributeBinding, left: str | None, op: CompareOperator, value: Any) -> str:
        """Whether the expression `left` stands so to the value; None is an attribute that nobody here has."""
        if value is None:
            if op not in {CompareOperator.eq, CompareOperator.ne}:
                return "false"
            return f"({left or 'null'} is {'' if op is CompareOperator.eq else 'not '}null)"
        if left is None:
            return "true" if op is CompareOperator.ne else "false"
        if not isinstance(value, str | bool | datetime):
            raise refuse_filter(str(binding.urn))
        textual = isinstance(value, str)
        if isinstance(value, str):
            if _UNSTORABLE.search(value):
                raise InvalidFilterException(detail="The filter compares with a text that cannot be stored")
            left, value = _comparable(binding, left), binding.comparable(str(value))
        if op in _ORDERED:
            return f"{left} {_ORDERED[op]} {self._add.value(value)}"
        if op is CompareOperator.eq:
            return f"{left} = {self._add.value(value)}"
        if op is CompareOperator.ne:
            return f"({left} is distinct from {self._add.value(value)})"
        if not textual or binding.target_type is datetime:
            return "false"
        right = self._add.value(value)
        if op is CompareOperator.co:
            return f"strpos({left}, {right}) > 0"
        if op is CompareOperator.sw:
            return f"starts_with({left}, {right})"
        return f"right({left}, length({right})) = {right}"


def _comparable(binding: AttributeBinding, expression: str) -> str:
    """The form in which texts of the attribute are compared."""
    return expression if binding.case_exact else f"lower({expression})"


def _is_complex(binding: AttributeBinding) -> bool:
    return isclass(binding.target_type) and issubclass(binding.target_type, ComplexAttribute)


def _filled(expression: str | None) -> str:
    return "false" if expression is None else f"({expression})::text <> ''"
