"""Tests of email: delivery, TLS, recipients, settings and the mail queue."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import ipaddress
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

from models.errors import SettingsError
from outgoing.mail import Email, MailQueue, Smtp, is_address, make_mailer, to_message
from outgoing.settings import read_mail
from tests.support.ports import free_port

SENDER = Address(display_name="EssayCoach", addr_spec="post@school.example")
EMAIL = Email(to="alice@northside.example", subject="Hello", text="A word to keep: ümläut.\n.\nThe end.\n")


class Inbox:
    """A handler of a mail server that keeps what it receives."""

    def __init__(self) -> None:
        self.taken: list = []

    async def handle_DATA(self, _server, _session, envelope):
        self.taken.append(envelope)
        return "250 kept"

    @property
    def messages(self) -> list:
        return [email.message_from_bytes(one.content, policy=email.policy.default) for one in self.taken]


def check_login(_server, _session, _envelope, mechanism, login):
    right = mechanism in ("PLAIN", "LOGIN") and (login.login, login.password) == (b"coach@x", b"hunter 2/:")
    return AuthResult(success=right, handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Give the path of a self-signed certificate for 127.0.0.1 with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail in a test")])
    now = dt.datetime.now(dt.UTC)
    signed = (
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
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def server(certificate, monkeypatch):
    """`server(tls=…)` starts a mail server and returns its inbox and its port; our client trusts its certificate."""
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
            how |= {"authenticator": check_login, "auth_required": True, "auth_require_tls": tls == "starttls"}
        port = free_port()
        controller = Controller(inbox, hostname="127.0.0.1", port=port, ready_timeout=60, **how)
        controller.start()
        running.append(controller)
        return inbox, port

    yield start
    for one in running:
        one.stop()


def send(address: str, mail: Email = EMAIL) -> None:
    """Send an email with the mailer of this address."""
    make_mailer(address).send(to_message(mail, sender=SENDER), to=mail.to)


def test_email_is_delivered_over_starttls_with_a_login(server):
    inbox, port = server(tls="starttls", needs_login=True)
    send(f"smtp://coach%40x:hunter%202%2F%3A@127.0.0.1:{port}")
    [envelope], [message] = inbox.taken, inbox.messages
    assert (envelope.mail_from, envelope.rcpt_tos) == ("post@school.example", ["alice@northside.example"])
    assert (message["From"], message["To"], message["Subject"]) == (str(SENDER), "alice@northside.example", "Hello")
    assert message.get_content().replace("\r\n", "\n") == EMAIL.text
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"]
    assert message["Date"]


def test_wrong_smtp_login_delivers_nothing(server):
    inbox, port = server(tls="starttls", needs_login=True)
    with pytest.raises(Exception, match="535"):
        send(f"smtp://coach%40x:wrong@127.0.0.1:{port}")
    assert inbox.taken == []


def test_email_is_delivered_over_implicit_tls(server):
    inbox, port = server(tls="implicit")
    send(f"smtps://127.0.0.1:{port}")
    assert len(inbox.taken) == 1


def test_server_without_tls_gets_nothing_unless_configured(server):
    inbox, port = server(tls="no")
    with pytest.raises(Exception, match="STARTTLS"):
        send(f"smtp://127.0.0.1:{port}")
    assert inbox.taken == []
    send(f"smtp://127.0.0.1:{port}?tls=no")
    assert len(inbox.taken) == 1


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_server_with_an_untrusted_certificate_gets_nothing(server, monkeypatch, tmp_path, tls):
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
def test_invalid_recipient_is_refused(server, to):
    inbox, port = server(tls="no")
    assert not is_address(to)
    with pytest.raises(ValueError, match="address"):
        send(f"smtp://127.0.0.1:{port}?tls=no", Email(to=to, subject="s", text="t"))
    assert inbox.taken == []


@pytest.mark.parametrize(
    "to", ["a@b.example", "o'neil+tag@sub.school.example", '"a b"@c.example', "a@[192.0.2.1]"], ids=ascii
)
def test_valid_recipient_is_recognised(to):
    assert is_address(to)


@pytest.mark.parametrize("subject", ["Hello\r\nBcc: mallory@evil.example", "Hello\nX: y", "Hello\r\n\r\nbody"])
def test_line_break_in_a_subject_is_refused(subject):
    with pytest.raises(ValueError, match="linefeed or carriage return"):
        to_message(Email(to="a@b.example", subject=subject, text="t"), sender=SENDER)


def test_smtp_commands_in_the_text_stay_text(server):
    inbox, port = server(tls="no")
    text = "one\n.\nMAIL FROM:<mallory@evil.example>\nRCPT TO:<a@b.example>\nDATA\n.\nQUIT\n..\n"
    send(f"smtp://127.0.0.1:{port}?tls=no", Email(to="a@b.example", subject="s", text=text))
    [message] = inbox.messages
    assert message.get_content().replace("\r\n", "\n") == text
    assert inbox.taken[0].rcpt_tos == ["a@b.example"]


def test_file_mailer_writes_one_private_file_per_message(tmp_path):
    box = tmp_path / "deep" / "mail"
    for _ in range(3):
        send(f"file:{box}")
    files = sorted(box.iterdir())
    assert [one.suffix for one in files] == [".eml"] * 3
    assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}
    assert stat.S_IMODE(box.stat().st_mode) == 0o700
    message = email.message_from_bytes(files[0].read_bytes(), policy=email.policy.default)
    assert (message["To"], message.get_content()) == ("alice@northside.example", EMAIL.text)


def test_console_mailer_prints_text_and_not_a_log_line(capsys):
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
def test_invalid_mail_setting_stops_the_program_without_its_password(monkeypatch, address):
    if address == "smtp://host?":  # an empty query means no query
        assert isinstance(make_mailer(address), Smtp)
        return
    with pytest.raises(SettingsError, match="ESSAYCOACH_MAIL") as stopped:
        make_mailer(address)
    assert "secret-word" not in str(stopped.value)
    if address:
        monkeypatch.setenv("ESSAYCOACH_MAIL", address)
        monkeypatch.setenv("ESSAYCOACH_MAIL_FROM", "a@b.example")
        with pytest.raises(SettingsError, match="ESSAYCOACH_MAIL"):
            read_mail()


@pytest.mark.parametrize("sender", ["nobody", "@", "a@b\nc", "a@b.example, c@d.example", "x <>", "EssayCoach"])
def test_invalid_sender_stops_the_program(monkeypatch, sender):
    monkeypatch.setenv("ESSAYCOACH_MAIL_FROM", sender)
    with pytest.raises(SettingsError, match="ESSAYCOACH_MAIL_FROM"):
        read_mail()


def test_smtp_mailer_needs_a_sender(monkeypatch):
    monkeypatch.delenv("ESSAYCOACH_MAIL_FROM", raising=False)
    monkeypatch.setenv("ESSAYCOACH_MAIL", "smtp://127.0.0.1")
    with pytest.raises(SettingsError, match="ESSAYCOACH_MAIL_FROM"):
        read_mail()


class BlockedMailer:
    """A mailer that waits for `go` and keeps the recipients."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.sent: list[str] = []

    def send(self, message, *, to: str) -> None:
        assert self.go.wait(60)
        if to.startswith("broken"):
            raise OSError("the server hung up on broken@northside.example")
        self.sent.append(to)


def email_to(name: str) -> Email:
    return Email(to=f"{name}@northside.example", subject="s", text="t")


def test_failed_email_stops_no_other_and_its_address_is_not_logged(logged):
    mailer = BlockedMailer()
    queue = MailQueue(mailer, sender=SENDER)
    for write in (
        lambda: email_to("broken"),
        lambda: email_to("alice"),
        lambda: None,
        lambda: 1 / 0,
        lambda: email_to("bob"),
    ):
        assert queue.enqueue(write)
    assert not queue.drain(within_seconds=0.0)
    mailer.go.set()
    assert queue.drain(within_seconds=60)
    assert mailer.sent == ["alice@northside.example", "bob@northside.example"]
    text = logged.text
    assert "OSError" in text
    assert "ZeroDivisionError" in text
    assert "northside" not in text


def test_full_mail_queue_refuses_an_email_at_once(monkeypatch):
    monkeypatch.setattr("outgoing.mail.MAX_QUEUED", 3)
    mailer = BlockedMailer()
    queue = MailQueue(mailer, sender=SENDER)
    taken = [queue.enqueue(lambda: email_to("alice")) for _ in range(20)]
    assert 3 <= taken.count(True) <= 4
    assert not taken[-1]
    mailer.go.set()
    assert queue.drain(within_seconds=60)
    assert len(mailer.sent) == taken.count(True)
