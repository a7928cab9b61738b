"""${message}."""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
phase = ${repr(config.attributes["phase"])}


def upgrade() -> None:
    ...


def downgrade() -> None:
    ...
