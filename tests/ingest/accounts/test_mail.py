"""Letters: how they are delivered, to whom, and that nobody waits for them or reads along."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import ipaddress
import socket
import ssl
import stat
import threading
from email.headerregistry import Address

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ingest.accounts.mail import Email, MailQueue, Smtp, is_address, make_mailer, to_message
from models.errors import SettingsError

SENDER = Address(display_name="EssayCoach", addr_spec="post@school.example")
LETTER = Email(to="alice@northside.example", subject="Hello", text="A word to keep: ümläut.\n.\nThe end.\n")


class Inbox:
    """What a mail server was given, kept as it came."""

    def __init__(self) -> None:
        self.taken: list = []

    async def handle_DATA(self, _server, _session, envelope):
        self.taken.append(envelope)
        return "250 kept"

    @property
    def messages(self) -> list:
        return [email.message_from_bytes(one.content, policy=email.policy.default) for one in self.taken]


def only_hunter2(_server, _session, _envelope, mechanism, login):
    right = mechanism in ("PLAIN", "LOGIN") and (login.login, login.password) == (b"coach@x", b"hunter 2/:")
    return AuthResult(success=right, handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """The path of a certificate for 127.0.0.1, which is its own authority, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail in a test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tls") / "mail.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def server(certificate, monkeypatch):
    """`server(tls=…)` starts a mail server and returns its inbox and its port; our client trusts the test's authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    running = []

    def start(*, tls: str, needs_login: bool = False):
        inbox = Inbox()
        how = {
            "implicit": {"ssl_context": context},
            "starttls": {"tls_context": context, "require_starttls": True},
            "no": {},
        }[tls]
        if needs_login:
            how |= {"authenticator": only_hunter2, "auth_required": True, "auth_require_tls": tls == "starttls"}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        controller = Controller(inbox, hostname="127.0.0.1", port=port, **how)
        controller.start()
        running.append(controller)
        return inbox, port

    yield start
    for one in running:
        one.stop()


def send(address: str, letter: Email = LETTER) -> None:
    make_mailer(address).send(to_message(letter, sender=SENDER), to=letter.to)


def test_a_letter_is_delivered_over_starttls_with_a_login(server):
    inbox, port = server(tls="starttls", needs_login=True)
    send(f"smtp://coach%40x:hunter%202%2F%3A@127.0.0.1:{port}")
    [envelope], [message] = inbox.taken, inbox.messages
    assert (envelope.mail_from, envelope.rcpt_tos) == ("post@school.example", ["alice@northside.example"])
    assert (message["From"], message["To"], message["Subject"]) == (str(SENDER), "alice@northside.example", "Hello")
    assert message.get_content().replace("\r\n", "\n") == LETTER.text
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"]
    assert message["Date"]


def test_a_wrong_login_delivers_nothing(server):
    inbox, port = server(tls="starttls", needs_login=True)
    with pytest.raises(Exception, match="535"):
        send(f"smtp://coach%40x:wrong@127.0.0.1:{port}")
    assert inbox.taken == []


def test_a_letter_is_delivered_over_tls_from_the_first_byte(server):
    inbox, port = server(tls="implicit")
    send(f"smtps://127.0.0.1:{port}")
    assert len(inbox.taken) == 1


def test_a_server_without_tls_gets_nothing_unless_that_was_asked_for(server):
    inbox, port = server(tls="no")
    with pytest.raises(Exception, match="STARTTLS"):
        send(f"smtp://127.0.0.1:{port}")
    assert inbox.taken == []
    send(f"smtp://127.0.0.1:{port}?tls=no")
    assert len(inbox.taken) == 1


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_server_that_cannot_show_who_it_is_gets_nothing(server, monkeypatch, tmp_path, tls):
    inbox, port = server(tls=tls)
    empty = tmp_path / "nobody.pem"
    empty.write_text("")
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ssl.SSLCertVerificationError):
        send(f"{'smtps' if tls == 'implicit' else 'smtp'}://127.0.0.1:{port}")
    assert inbox.taken == []


@pytest.mark.parametrize(
    "to",
    ["a@b.example\r\nBcc: mallory@evil.example", "a@b.example\nX: y", "a@b.example, mallory@evil.example", "a@b.example;mallory@evil.example",
     "Mallory <mallory@evil.example>", "<mallory@evil.example>", "mallory@evil.example (a@b.example)", "a@b.example\0", "@", "a@", "@b", "",
     "a b@c.example", "group: a@b.example, c@d.example;", "a@b.example\u2028Bcc: c@d", "a@@b.example", '"', "(", "[", "<", ":", ",", "\u00fc@b.example"],
    ids=ascii,
)  # fmt: skip
def test_what_is_not_one_address_is_never_written_to(server, to):
    inbox, port = server(tls="no")
    assert not is_address(to)
    with pytest.raises(ValueError, match="address"):
        send(f"smtp://127.0.0.1:{port}?tls=no", Email(to=to, subject="s", text="t"))
    assert inbox.taken == []


@pytest.mark.parametrize(
    "to", ["a@b.example", "o'neil+tag@sub.school.example", '"a b"@c.example', "a@[192.0.2.1]"], ids=ascii
)
def test_one_address_is_one(to):
    assert is_address(to)


@pytest.mark.parametrize("subject", ["Hello\r\nBcc: mallory@evil.example", "Hello\nX: y", "Hello\r\n\r\nbody"])
def test_a_line_break_in_a_subject_makes_no_header(subject):
    with pytest.raises(ValueError, match="linefeed or carriage return"):
        to_message(Email(to="a@b.example", subject=subject, text="t"), sender=SENDER)


def test_a_text_that_looks_like_smtp_stays_text(server):
    inbox, port = server(tls="no")
    text = "one\n.\nMAIL FROM:<mallory@evil.example>\nRCPT TO:<a@b.example>\nDATA\n.\nQUIT\n..\n"
    send(f"smtp://127.0.0.1:{port}?tls=no", Email(to="a@b.example", subject="s", text=text))
    [message] = inbox.messages
    assert message.get_content().replace("\r\n", "\n") == text
    assert inbox.taken[0].rcpt_tos == ["a@b.example"]


def test_a_file_a_message_that_only_its_owner_can_read(tmp_path):
    box = tmp_path / "deep" / "mail"
    for _ in range(3):
        send(f"file:{box}")
    files = sorted(box.iterdir())
    assert [one.suffix for one in files] == [".eml"] * 3
    assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}
    assert stat.S_IMODE(box.stat().st_mode) == 0o700
    message = email.message_from_bytes(files[0].read_bytes(), policy=email.policy.default)
    assert (message["To"], message.get_content()) == ("alice@northside.example", LETTER.text)


def test_the_console_shows_a_letter_as_text_and_not_as_a_line_of_the_log(capsys):
    send("console")
    shown = capsys.readouterr()
    assert "To: alice@northside.example" in shown.err
    assert not any(line.startswith("{") for line in shown.err.splitlines())
    assert shown.out == ""


@pytest.mark.parametrize(
    "address",
    ["", "smtp", "smtp:", "smtp://", "file:", "http://mail.example", "sendmail", "smtp://host/path", "smtp://host:0x1", "smtp://host:99999",
     "smtp://host?tls=yes", "smtp://host?tls=no&x=1", "smtps://host?tls=no", "smtp://u:secret-word@host?tls=no", "smtp://host?", "CONSOLE"],
)  # fmt: skip
def test_a_mailer_that_is_none_stops_the_program_and_shows_no_password(shared_api, address):
    if address == "smtp://host?":  # an empty query is none
        assert isinstance(make_mailer(address), Smtp)
        return
    with pytest.raises(SettingsError, match="ESSAYCOACH_MAIL") as stopped:
        make_mailer(address)
    assert "secret-word" not in str(stopped.value)
    if address:
        with pytest.raises(SettingsError, match="ESSAYCOACH_MAIL"):
            shared_api.make_app(ESSAYCOACH_MAIL=address, ESSAYCOACH_MAIL_FROM="a@b.example")


@pytest.mark.parametrize("sender", ["nobody", "@", "a@b\nc", "a@b.example, c@d.example", "x <>", "EssayCoach"])
def test_a_sender_that_is_none_stops_the_program(shared_api, sender):
    with pytest.raises(SettingsError, match="ESSAYCOACH_MAIL_FROM"):
        shared_api.make_app(ESSAYCOACH_MAIL="console", ESSAYCOACH_MAIL_FROM=sender)


def test_a_mail_server_needs_a_sender(shared_api):
    with pytest.raises(SettingsError, match="ESSAYCOACH_MAIL_FROM"):
        shared_api.make_app(ESSAYCOACH_MAIL="smtp://127.0.0.1")


@pytest.mark.parametrize(
    "link", ["coach.example", "ftp://coach.example", "javascript:alert(1)", "https://", "https://coach.example/#x"]
)
def test_a_link_that_is_none_stops_the_program(shared_api, link):
    with pytest.raises(SettingsError, match="ESSAYCOACH_LINK"):
        shared_api.make_app(ESSAYCOACH_LINK=link)


class Kept:
    """A mailer that waits until it is let go, and keeps what it was given."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.sent: list[str] = []

    def send(self, message, *, to: str) -> None:
        assert self.go.wait(20)
        if to.startswith("broken"):
            raise OSError("the server hung up on broken@northside.example")
        self.sent.append(to)


def letter_to(name: str) -> Email:
    return Email(to=f"{name}@northside.example", subject="s", text="t")


def test_one_letter_that_cannot_be_sent_stops_no_other_and_no_address_is_logged(caplog):
    mailer = Kept()
    post = MailQueue(mailer, sender=SENDER)
    for write in (
        lambda: letter_to("broken"),
        lambda: letter_to("alice"),
        lambda: None,
        lambda: 1 / 0,
        lambda: letter_to("bob"),
    ):
        assert post.enqueue(write)
    assert not post.drain(within_seconds=0.0)
    mailer.go.set()
    assert post.drain(within_seconds=20)
    assert mailer.sent == ["alice@northside.example", "bob@northside.example"]
    logged = caplog.text
    assert "OSError" in logged
    assert "ZeroDivisionError" in logged
    assert "northside" not in logged


def test_past_the_bound_a_letter_is_refused_at_once(monkeypatch):
    monkeypatch.setattr("ingest.accounts.mail.MAX_QUEUED", 3)
    mailer = Kept()
    post = MailQueue(mailer, sender=SENDER)
    taken = [post.enqueue(lambda: letter_to("alice")) for _ in range(20)]
    assert 3 <= taken.count(True) <= 4
    assert not taken[-1]
    mailer.go.set()
    assert post.drain(within_seconds=20)
    assert len(mailer.sent) == taken.count(True)
