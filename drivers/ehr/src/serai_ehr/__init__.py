"""The kind of device `ehr`: an HR system of record, read through PeopleSoft-shaped views."""

from serai_ehr.changed import Changed
from serai_ehr.source import Reading, Row, Source, ViewFault
from serai_ehr.views import VIEWS, Column, ColumnType, View

__all__ = ["VIEWS", "Changed", "Column", "ColumnType", "Reading", "Row", "Source", "View", "ViewFault"]
