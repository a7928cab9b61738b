"""The driver passes the conformance tests of its kind over the real wire protocol; fixtures are conftest's."""

from serai_ehr.conformance import EhrSourceConformance, EhrViewsConformance


class TestOracle(EhrSourceConformance):
    """As a source."""


class TestOracleViews(EhrViewsConformance):
    """As a reader of other people's views."""
