"""The stack that many a company system was written on: Flask, the ORM of SQLAlchemy (psycopg), one worker of gunicorn.

`python bench/peers/flask_orm.py PORT` with the database in BENCH_DSN.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import orjson
from flask import Flask, Response, abort, request
from flask.json.provider import JSONProvider
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

THREADS = 8


class Base(DeclarativeBase):
    pass


class Employee(Base):
    __tablename__ = "employee"
    __table_args__ = {"schema": "isapi"}  # noqa: RUF012  as SQLAlchemy's documentation has it

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

    def shown(self) -> dict[str, object]:
        department = {"deptid": self.deptid, "name": self.department_name, "path": self.department_path_name}
        return {
            "emplid": self.emplid,
            "name": self.name,
            "name_en": self.name_en,
            "pinyin": self.pinyin,
            "rtx_id": self.rtx_id,
            "ad_account": self.ad_account,
            "mail": self.mail,
            "work_phone": self.work_phone,
            "department": department if self.deptid else None,
            "title": self.title,
            "location": {"code": self.location, "name": self.location_name} if self.location else None,
            "company": self.company,
            "business_unit": self.business_unit,
            "manager_emplid": self.manager_emplid,
            "employment_type": self.employment_type,
            "status": self.status,
        }


class OrjsonProvider(JSONProvider):
    def dumps(self, obj: Any, **_: Any) -> str:
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        return orjson.loads(s)


app = Flask(__name__)
app.json = OrjsonProvider(app)
engine = create_engine(
    os.environ["BENCH_DSN"].replace("postgresql:", "postgresql+psycopg:", 1), pool_size=THREADS, max_overflow=0
)
Session = sessionmaker(engine)


@app.get("/isapi/api/v1/employees/<emplid>")
def get_employee(emplid: str) -> Response:
    with Session() as session:
        employee = session.get(Employee, emplid)
        if employee is None:
            abort(404)
        return app.json.response(employee.shown())


@app.get("/isapi/api/v1/employees")
def list_employees() -> Response:
    limit = int(request.args["limit"])
    found = select(Employee).where(Employee.status == "active").order_by(Employee.emplid).limit(limit + 1)
    if "q" in request.args:
        found = found.where(Employee.search.contains(f"|{request.args['q'].lower()}", autoescape=True))
    else:
        found = found.where(Employee.deptid == request.args["dept"])
    with Session() as session:
        employees = session.scalars(found).all()
        cursor = employees[limit - 1].emplid if len(employees) > limit else None
        return app.json.response({"items": [one.shown() for one in employees[:limit]], "next_cursor": cursor})


if __name__ == "__main__":
    gunicorn = [sys.executable, "-m", "gunicorn", "--workers", "1", "--worker-class", "gthread"]
    place = ["--chdir", str(Path(__file__).parent), "--bind", f"127.0.0.1:{sys.argv[-1]}"]
    os.execv(sys.executable, [*gunicorn, "--threads", str(THREADS), "--log-level", "warning", *place, "flask_orm:app"])
