"""The field policy: who sees which personal fields clear, masked or not at all; the one place that decides it.

A field is personal where a type says so (`Personal`), and nobody sees it but the audiences of its declaration
(`PersonalField`), as the deployment's `[fields]` have changed them. Permissions hold for a caller; relations are what a
colleague is to the person (the `Subject`) whose field it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, TypeVar, get_args

import attrs
from msgspec import UNSET, Struct, structs

from serai.config.fields import FieldSettings
from serai.context import Principal, Redacted, Relations, View
from serai.declarations import PersonalField, Relation
from serai.errors import PluginError
from serai.identity.disclosures import Disclosures
from serai.identity.marks import marks_of, wire_name
from serai.identity.masks import MASKS

T = TypeVar("T")
ViewOf = Callable[[type[Struct], str | None], View]

RELATIONS: frozenset[str] = frozenset(get_args(Relation))
_ANYONE = frozenset({"anyone"})
_SELF = frozenset({"anyone", "self"})
_NO_RELATION: frozenset[str] = frozenset()
_NOT_LOOKED = View("", frozenset(), frozenset(), frozenset())


class FieldPolicy:
    """The policy of one deployment (`serai.Fields`). Plugins declare their fields as they are loaded."""

    def __init__(
        self,
        settings: Mapping[str, FieldSettings] = MappingProxyType({}),
        relations: Callable[[], Relations | None] = lambda: None,
        disclosures: Disclosures | None = None,
    ) -> None:
        """`relations` gives the service that knows them, or None while nobody offers it; `disclosures` is the log."""
        self._settings = settings
        self._fields: dict[str, PersonalField] = {}
        self._audiences: dict[type[Struct], frozenset[str]] = {}
        self._views: dict[tuple[type[Struct], frozenset[str], frozenset[str] | None], View] = {}
        self.relations = relations
        self.disclosures = disclosures

    def declare(self, fields: Iterable[PersonalField]) -> None:
        """Take over a plugin's declarations, changed as the deployment says."""
        for field in fields:
            given = attrs.asdict(self._settings.get(field.name, FieldSettings()))
            changes = {audiences: names for audiences, names in given.items() if names is not None}
            self._fields[field.name] = attrs.evolve(field, **changes)
        self._audiences.clear()
        self._views.clear()

    def field(self, name: str) -> PersonalField:
        """The declaration of that name. Raises `PluginError` where there is none."""
        try:
            return self._fields[name]
        except KeyError:
            near = get_close_matches(name, self._fields, n=1)
            raise PluginError(
                f"nobody declares the personal field {name}",
                hint=f"did you mean {near[0]}?" if near else "PluginInfo.personal of its plugin declares it",
            ) from None

    def view(
        self,
        shape: type[Struct],
        scopes: Collection[str],
        relations: Collection[str] = _NO_RELATION,
        *,
        at_most: frozenset[str] | None = None,
    ) -> View:
        """What is seen by who holds these permissions and, for a colleague, has these relations to the person.

        `at_most`: names of declarations; of other fields nothing is seen, not even masked.
        """
        audiences = self._audiences.get(shape)
        if audiences is None:
            audiences = self._audiences[shape] = self._audiences_of(shape)
        held = audiences.intersection(scopes) | audiences.intersection(relations)
        view = self._views.get((shape, held, at_most))
        if view is None:
            view = self._views[shape, held, at_most] = self._made(shape, held, at_most)
        return view

    def show(self, value: T, view_of: ViewOf) -> Redacted[T]:
        """The value as seen by `view_of(shape, subject)`: hidden fields `UNSET`, masked ones masked.

        What is not touched is the very object that was given.
        """
        redaction = _Redaction(self, view_of)
        return Redacted(
            redaction.of(value, None),
            frozenset(redaction.hidden),
            frozenset(redaction.masked),
            frozenset(redaction.subjects),
            frozenset(redaction.clear),
        )

    def of(self, who: Principal) -> CallersView:
        """That caller's eyes."""
        return CallersView(self, who)

    def _audiences_of(self, shape: type[Struct]) -> frozenset[str]:
        fields = [self.field(name) for name in marks_of(shape).personal.values()]
        return frozenset(audience for field in fields for audience in (*field.clear, *field.masked))

    def _made(self, shape: type[Struct], held: frozenset[str], at_most: frozenset[str] | None) -> View:
        marks = marks_of(shape)
        every = {own: self.field(name) for own, name in marks.personal.items()}
        fields = {own: field for own, field in every.items() if at_most is None or field.name in at_most}
        clear = frozenset(own for own, field in fields.items() if held.intersection(field.clear))
        masked = (
            frozenset(own for own, field in fields.items() if held.intersection(field.masked)) & marks.maskable - clear
        )
        hidden = every.keys() - clear - masked
        return View(f"{'+'.join(sorted(clear))}/{'+'.join(sorted(masked))}", clear, masked, frozenset(hidden))


@attrs.frozen
class CallersView:
    """One caller's eyes (`serai.Viewer`)."""

    policy: FieldPolicy
    who: Principal

    def widest(self, shape: type[Struct]) -> View:
        """What the caller may see of somebody, at the most."""
        return self._view(shape, RELATIONS if self.who.person is not None else _NO_RELATION)

    def everybody(self, shape: type[Struct]) -> View:
        """What the caller may see of everybody."""
        return self._view(shape, self._known_relations(None))

    async def views(self, shape: type[Struct], subjects: Collection[str]) -> dict[str, View]:
        """What the caller may see of each of these people."""
        relations = await self._relations({(shape, subject) for subject in subjects})
        return {subject: self._view(shape, relations[subject]) for subject in subjects}

    async def show(self, value: T) -> Redacted[T]:
        """The value as the caller may see it; asks for relations at most once."""
        if self.who.person is None:
            return self.policy.show(value, lambda shape, _: self._view(shape, _NO_RELATION))
        people: set[tuple[type[Struct], str | None]] = set()

        def note(shape: type[Struct], subject: str | None) -> View:
            people.add((shape, subject))
            return _NOT_LOOKED

        self.policy.show(value, note)
        relations = await self._relations(people)
        return self.policy.show(value, lambda shape, subject: self._view(shape, relations[subject]))

    def note(self, route: str, seen: Redacted[Any], purpose: str = "") -> None:
        """Write into the log of who saw what that the caller is shown this; oneself one may always see."""
        others = seen.subjects - {self.who.person}
        if others and self.policy.disclosures is not None:
            self.policy.disclosures.note(self.who, route, sorted(others), sorted(seen.fields), purpose)

    def _view(self, shape: type[Struct], relations: frozenset[str]) -> View:
        """The policy's view, narrowed to the fields that this caller was given at most."""
        return self.policy.view(shape, self.who.scopes, relations, at_most=self.who.fields)

    async def _relations(self, people: Iterable[tuple[type[Struct], str | None]]) -> dict[Any, frozenset[str]]:
        """The caller's relations to each subject; the service is asked only for those where they could matter."""
        found = {subject: self._known_relations(subject) for _, subject in people}
        matters = {
            subject
            for shape, subject in people
            if subject is not None and self._view(shape, found[subject]).key != self.widest(shape).key
        }
        service = self.policy.relations()
        if service is not None and matters and self.who.person is not None:
            more = await service.of(self.who.person, sorted(matters))
            found |= {subject: found[subject] | more.get(subject, _NO_RELATION) for subject in matters}
        return found

    def _known_relations(self, subject: str | None) -> frozenset[str]:
        """What needs no asking: nothing for a system, which is nobody's colleague."""
        if self.who.person is None:
            return _NO_RELATION
        return _SELF if subject == self.who.person else _ANYONE


class _Redaction:
    """One walk over a value."""

    def __init__(self, policy: FieldPolicy, view_of: ViewOf) -> None:
        self._policy = policy
        self._view_of = view_of
        self.hidden: set[str] = set()
        self.masked: set[str] = set()
        self.subjects: set[str] = set()
        self.clear: set[str] = set()

    def of(self, value: Any, subject: str | None) -> Any:
        """The value as it may be seen; `subject` is whose the Struct around it is."""
        if isinstance(value, Struct):
            return self._struct(value, subject)
        if isinstance(value, list | tuple | set | frozenset):
            seen = [self.of(item, subject) for item in value]
            changed = any(new is not old for new, old in zip(seen, value, strict=True))
            return type(value)(seen) if changed else value
        if isinstance(value, dict):
            return {key: self.of(item, subject) for key, item in value.items()}
        return value

    def _struct(self, value: Struct, subject: str | None) -> Struct:
        shape = type(value)
        marks = marks_of(shape)
        if marks.subject is not None:
            named = getattr(value, marks.subject)
            subject = named if isinstance(named, str) else None
        changes: dict[str, Any] = {}
        if marks.personal:
            view = self._view_of(shape, subject)
            told = {marks.personal[own] for own in view.clear if getattr(value, own) not in (None, UNSET)}
            if told and subject is not None:
                self.clear |= told
                self.subjects.add(subject)
            for field in view.hidden:
                if getattr(value, field) is not UNSET:
                    changes[field] = UNSET
                    self.hidden.add(wire_name(shape, field))
            for field in view.masked:
                clear = getattr(value, field)
                if clear is not UNSET:
                    self.masked.add(wire_name(shape, field))
                if isinstance(clear, str):
                    changes[field] = MASKS[self._policy.field(marks.personal[field]).mask](clear)
        for field in marks.inner:
            inner = getattr(value, field)
            seen = self.of(inner, subject)
            if seen is not inner:
                changes[field] = seen
        return structs.replace(value, **changes) if changes else value
