"""The contract with the HR side: the views they give us, column by column, named after the PeopleSoft records."""

from __future__ import annotations

from typing import Literal

import attrs

ColumnType = Literal["text", "integer", "date", "timestamp"]
"""`text` arrives as str (PeopleSoft's empty value is one blank), `integer` as int, `date` as date, `timestamp` as an
aware datetime; any of them as None where the view holds NULL."""

STAMP = "LASTUPDDTTM"
"""The column that says when a row was last written."""
EFFECTIVE = "EFFDT"
"""The column that says from which day on a row is in force."""


@attrs.frozen
class Column:
    """One column that a view must have."""

    name: str
    type: ColumnType = "text"


@attrs.frozen
class View:
    """One view: its key columns first."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def stamped(self) -> bool:
        """Whether its rows say when they were last written; a view without that is always read whole."""
        return STAMP in self.column_names

    @property
    def effective(self) -> bool:
        """Whether its rows are in force from a day on."""
        return EFFECTIVE in self.column_names


def _view(name: str, key: str, columns: str) -> View:
    """Read `A B:date C:integer` into a view; a name without a type is text."""
    parsed = []
    for word in columns.split():
        column, _, type_ = word.partition(":")
        parsed.append(Column(column, type_ or "text"))  # type: ignore[arg-type]
    return View(name, tuple(key.split()), tuple(parsed))


PERSON = _view("V_IS_PERSON", "EMPLID", "EMPLID BIRTHDATE:date SEX HIGHEST_EDUC_LVL LASTUPDDTTM:timestamp")
"""Record PERSON with the current row of PERS_DATA_EFFDT."""

NAME = _view(
    "V_IS_NAME",
    "EMPLID NAME_TYPE EFFDT",
    "EMPLID NAME_TYPE EFFDT:date NAME LAST_NAME FIRST_NAME NAME_AC PREF_FIRST_NAME LASTUPDDTTM:timestamp",
)
"""Record NAMES, all of its history. NAME_TYPE `PRI` is the primary name; NAME_AC holds the Han form if there is one."""

CONTACT = _view(
    "V_IS_CONTACT",
    "EMPLID CONTACT_KIND CONTACT_TYPE",
    "EMPLID CONTACT_KIND CONTACT_TYPE COUNTRY_CODE CONTACT_VALUE EXTENSION PREF_FLAG LASTUPDDTTM:timestamp",
)
"""Records PERSONAL_PHONE (CONTACT_KIND `PHONE`; BUSN, CELL, HOME, MAIN) and EMAIL_ADDRESSES (`EMAIL`; BUSN, HOME)."""

NID = _view(
    "V_IS_NID",
    "EMPLID COUNTRY NATIONAL_ID_TYPE",
    "EMPLID COUNTRY NATIONAL_ID_TYPE NATIONAL_ID PRIMARY_NID LASTUPDDTTM:timestamp",
)
"""Record PERS_NID: a grant of its own."""

JOB = _view(
    "V_IS_JOB",
    "EMPLID EMPL_RCD EFFDT EFFSEQ",
    "EMPLID EMPL_RCD:integer EFFDT:date EFFSEQ:integer PER_ORG HR_STATUS EMPL_STATUS ACTION ACTION_REASON "
    "JOB_INDICATOR SETID_DEPT DEPTID SETID_JOBCODE JOBCODE SETID_LOCATION LOCATION POSITION_NBR SUPERVISOR_ID COMPANY "
    "BUSINESS_UNIT GRADE REG_TEMP FULL_PART_TIME HIRE_DT:date LAST_HIRE_DT:date TERMINATION_DT:date "
    "LAST_DATE_WORKED:date EXPECTED_END_DATE:date LASTUPDDTTM:timestamp",
)
"""Record JOB: all of its history, and future rows."""

DEPT = _view(
    "V_IS_DEPT",
    "SETID DEPTID EFFDT",
    "SETID DEPTID EFFDT:date EFF_STATUS DESCR DESCRSHORT COMPANY LOCATION MANAGER_ID LASTUPDDTTM:timestamp",
)
"""Record DEPT_TBL, all of its history."""

DEPT_TREE = _view(
    "V_IS_DEPT_TREE",
    "SETID TREE_NAME EFFDT TREE_NODE",
    "SETID TREE_NAME EFFDT:date TREE_NODE PARENT_NODE_NAME TREE_NODE_NUM:integer TREE_NODE_NUM_END:integer "
    "TREE_LEVEL_NUM:integer",
)
"""Record PSTREENODE, tree DEPT_SECURITY: one tree for each EFFDT; TREE_NODE is a DEPTID, the root's parent blank."""

JOBCODE = _view(
    "V_IS_JOBCODE",
    "SETID JOBCODE EFFDT",
    "SETID JOBCODE EFFDT:date EFF_STATUS DESCR DESCRSHORT LASTUPDDTTM:timestamp",
)
"""Record JOBCODE_TBL, all of its history."""

LOCATION = _view(
    "V_IS_LOCATION",
    "SETID LOCATION EFFDT",
    "SETID LOCATION EFFDT:date EFF_STATUS DESCR CITY COUNTRY LASTUPDDTTM:timestamp",
)
"""Record LOCATION_TBL, all of its history."""

ACCOUNT = _view("V_IS_ACCOUNT", "EMPLID", "EMPLID RTX_ID AD_ACCOUNT LASTUPDDTTM:timestamp")
"""The chat account (RTX_ID) and the directory account (sAMAccountName) of a person."""

RELATION = _view(
    "V_IS_RELATION",
    "SCOPE SCOPE_ID RELATION EMPLID",
    "SCOPE SCOPE_ID RELATION EMPLID SORT_ORDER:integer LASTUPDDTTM:timestamp",
)
"""Who leads and looks after whom: SCOPE `D` (SCOPE_ID a DEPTID) or `E` (an EMPLID); RELATION LEADER, VP, HRBP, HRD."""

VIEWS = (PERSON, NAME, CONTACT, NID, JOB, DEPT, DEPT_TREE, JOBCODE, LOCATION, ACCOUNT, RELATION)
