"""The specimen behind a stand-in that speaks Oracle's wire protocol."""

import shutil
import sqlite3
import ssl
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from serai import Secret
from serai_ehr.conformance import make_specimen
from serai_ehr_oracle.driver import OracleSettings, connect
from serai_ehr_oracle.testing import PASSWORD, USER, load, oracle_stand_in


class Recorder:
    """A log and a link in one."""

    def __init__(self, name="ehr"):
        self.name = name
        self.log = self
        self.reasons = []

    def lost(self, reason):
        self.reasons.append(reason)


@attrs.frozen
class Hr:
    """The HR side's own access to its database."""

    path: Path

    def run(self, *statements):
        with closing(sqlite3.connect(self.path, isolation_level=None)) as database:
            for statement in statements:
                database.execute(statement)

    async def drop(self, view):
        self.run(f"drop view {view.name}")

    async def rename_column(self, view, column, name):
        self.remake(view, lambda each: f"{each} as {name}" if each == column else each)

    async def drop_column(self, view, column):
        self.remake(view, lambda each: None if each == column else each)

    async def retype_column(self, view, column):
        self.remake(view, lambda each: f"cast({each} as text) as {each}" if each == column else each)

    def remake(self, view, chosen):
        """Make the view anew, of what `chosen` says of each of its columns."""
        name = view.name.lower()
        with closing(sqlite3.connect(self.path)) as database:
            (made,) = database.execute("select sql from sqlite_master where name = ?", [name]).fetchone()
            columns = [row[1].upper() for row in database.execute(f"pragma table_info({name})")]
        expressions = ", ".join(filter(None, map(chosen, columns)))
        body = made.partition(" as\n")[2]
        self.run(f"drop view {name}", f"create view {name} as\nselect {expressions} from ({body})")


def pytest_ignore_collect(collection_path, config):
    """Tests of a real database are no tests without one."""
    return True if collection_path.name == "test_real_oracle.py" and not config.getoption("--oracle-dsn") else None


@attrs.frozen
class Certificate:
    """What a server on localhost shows, and the wallet that trusts it."""

    server: ssl.SSLContext
    wallet: Path


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wallet")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = signed.public_bytes(Encoding.PEM)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "ewallet.pem").write_bytes(public)
    (folder / "server.pem").write_bytes(private + public)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    return Certificate(server, folder)


@pytest.fixture(scope="session")
def specimen():
    return make_specimen()


@pytest.fixture(scope="session")
def loaded(tmp_path_factory):
    path = tmp_path_factory.mktemp("oracle") / "hr"
    load(path, make_specimen())
    return path


@pytest.fixture(scope="session")
def stand_in(loaded):
    with oracle_stand_in(loaded) as running:
        yield running


@pytest.fixture
def oracle(stand_in, loaded, tmp_path):
    """The stand-in with a database of this test's own."""
    stand_in.path = shutil.copy(loaded, tmp_path / "hr")
    yield stand_in
    stand_in.answer_again()
    stand_in.come_up()
    stand_in.cut()


@pytest.fixture
def link():
    return Recorder()


@pytest.fixture
def settings(oracle):
    return OracleSettings(
        dsn=f"127.0.0.1:{oracle.port}/HR", user=USER, password=Secret(PASSWORD), statement_timeout=20, arraysize=100
    )


@pytest.fixture
async def source(settings, link):
    async with connect(settings, link) as connected:
        yield connected


@pytest.fixture
def hr(oracle):
    return Hr(oracle.path)


@pytest.fixture
def owner(hr):
    return hr


@pytest.fixture
def change(hr):
    async def change_people():
        hr.run("update ps_pers_data_effdt set sex = 'X'", "delete from ps_is_account where emplid like '%7'")

    return change_people
