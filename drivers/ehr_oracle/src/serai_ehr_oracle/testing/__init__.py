"""A stand-in for an Oracle database: seerdb's wire protocol in front, SQLite behind.

Tests of the driver, and of plugins that read through it, speak to it over the real protocol. It runs the shipped
`views.sql` over PeopleSoft-shaped tables, understands the few statements of the driver, and gives a session in a
read-only transaction one moment to look at. Needs the extra `testing`: seerdb calls its server a technology preview.
"""

from serai_ehr_oracle.testing.sessions import PASSWORD, USER
from serai_ehr_oracle.testing.stand_in import OracleStandIn, oracle_stand_in
from serai_ehr_oracle.testing.tables import load

__all__ = ["PASSWORD", "USER", "OracleStandIn", "load", "oracle_stand_in"]
