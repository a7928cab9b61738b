"""Today's people in memory: hot reads are answered from here, in the very bytes that the database path would give.

Whoever works here, or is going to, is kept; leavers, who are many after some years and seldom asked for, are not.

`lines` is the index, `person` what is kept of one person, `cut` how fields are chosen, `snapshot` one immutable state
and its look-ups, `finding` the filters, `answers` what is sent of people, `reading` the way from the database,
`keeper` what holds the newest state, `pace` how long work leaves room for requests.
"""

from __future__ import annotations

from serai_isapi.snapshot.answers import ReadyPeople as ReadyPeople
from serai_isapi.snapshot.answers import all_of as all_of
from serai_isapi.snapshot.answers import one_of as one_of
from serai_isapi.snapshot.answers import page_of as page_of
from serai_isapi.snapshot.keeper import Snapshots as Snapshots
from serai_isapi.snapshot.snapshot import Snapshot as Snapshot
