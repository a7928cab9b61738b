"""The driver passes the conformance tests of its kind on a real PostgreSQL; fixtures are conftest's."""

from serai_ehr.conformance import EhrSourceConformance, EhrViewsConformance


class TestPostgres(EhrSourceConformance):
    """As a source."""


class TestPostgresViews(EhrViewsConformance):
    """As a reader of other people's views."""
