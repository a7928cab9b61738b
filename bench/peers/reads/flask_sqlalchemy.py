"""Flask on gunicorn with SQLAlchemy's ORM, one worker with threads: `flask_sqlalchemy.py PORT` starts gunicorn."""

from __future__ import annotations

import os
import sys

from flask import Flask, Response, abort, jsonify, request
from shared import employee, page, pattern
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Employee(Base):
    __tablename__ = "employee"
    __table_args__ = {"schema": "isapi"}  # noqa: RUF012
    emplid: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    name_en: Mapped[str | None]
    pinyin: Mapped[str | None]
    rtx_id: Mapped[str | None]
    ad_account: Mapped[str | None]
    mail: Mapped[str | None]
    work_phone: Mapped[str | None]
    deptid: Mapped[str | None]
    department_name: Mapped[str | None]
    department_path_name: Mapped[str | None]
    title: Mapped[str | None]
    location: Mapped[str | None]
    location_name: Mapped[str | None]
    company: Mapped[str | None]
    business_unit: Mapped[str | None]
    manager_emplid: Mapped[str | None]
    employment_type: Mapped[str]
    status: Mapped[str]
    search: Mapped[str] = mapped_column(deferred=True)


engine = create_engine(os.environ["BENCH_DSN"].replace("postgresql://", "postgresql+psycopg://"), pool_size=10)
app = Flask(__name__)
app.json.sort_keys = False  # type: ignore[attr-defined]
app.json.ensure_ascii = False  # type: ignore[attr-defined]
app.json.compact = True  # type: ignore[attr-defined]


@app.get("/isapi/api/v1/employees/<emplid>")
def get_employee(emplid: str) -> Response:
    with Session(engine) as session:
        found = session.get(Employee, emplid)
        if found is None:
            abort(404)
        return jsonify(employee(vars(found)))


@app.get("/isapi/api/v1/employees")
def list_employees() -> Response:
    limit = int(request.args["limit"])
    wanted = select(Employee).where(Employee.status == "active").order_by(Employee.emplid).limit(limit + 1)
    if "q" in request.args:
        wanted = wanted.where(Employee.search.like(pattern(request.args["q"])))
    else:
        wanted = wanted.where(Employee.deptid == request.args["dept"])
    with Session(engine) as session:
        return jsonify(page([employee(vars(found)) for found in session.scalars(wanted)], limit))


if __name__ == "__main__":
    options = ["--workers", "1", "--worker-class", "gthread", "--threads", "8", "--log-level", "warning"]
    where = ["--bind", f"127.0.0.1:{sys.argv[-1]}", "--keep-alive", "75", "flask_sqlalchemy:app"]
    os.chdir(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *options, *where])
