"""Who a browser speaks for: a signed cookie, and a token that proves a request came from our own page."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

from itsdangerous import BadData, URLSafeSerializer
from pydantic import BaseModel, ConfigDict, ValidationError

from bot.platforms.console.settings import ConsoleSettings


class Session(BaseModel):
    """What the cookie says. `person` is empty before a sign-in; `proof` ties it to the password of that time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    person: str
    started: float
    proof: str = ""


class Sessions:
    """Starts, seals and opens sessions. Nothing is kept: a session lives in its cookie."""

    def __init__(self, secret: bytes, settings: ConsoleSettings, *, now: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._settings = settings
        self._now = now
        self._signer = URLSafeSerializer(
            secret,
            salt="tocsin.console.session",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    @property
    def cookie(self) -> str:
        """The cookie's name. Cookies know no ports, so consoles side by side need names of their own."""
        return f"{'__Host-' if self._settings.secure_cookies else ''}tocsin-{self._settings.port}"

    @property
    def lifetime(self) -> float:
        """How long a session lasts, in seconds. A demo's never ends: it would come back as somebody else."""
        return self._settings.session_hours * 3600 if self._settings.authentication == "password" else 30 * 86400

    def start(self, person: str) -> Session:
        """A new session, with a new id, for a person or (empty) for nobody yet."""
        return Session(id=secrets.token_urlsafe(18), person=person, started=self._now(), proof=self._proof(person))

    def seal(self, session: Session) -> str:
        """The cookie's value."""
        sealed = self._signer.dumps(session.model_dump())
        return sealed if isinstance(sealed, str) else sealed.decode()

    def open(self, value: str | None) -> Session | None:
        """The session of a cookie; None when it is forged, too old, or older than a change of the password."""
        try:
            session = Session.model_validate(self._signer.loads(value or ""))
        except (BadData, ValidationError):
            return None
        genuine = hmac.compare_digest(session.proof, self._proof(session.person))
        return session if genuine and self.remaining(session) > 0 else None

    def remaining(self, session: Session) -> float:
        """For how many seconds a session is still good."""
        return session.started + self.lifetime - self._now()

    def csrf(self, session: Session) -> str:
        """The token that our own pages send along; another site cannot read it."""
        return hmac.new(self._secret, f"tocsin.console.csrf:{session.id}".encode(), hashlib.sha256).hexdigest()

    def csrf_matches(self, session: Session, token: str | None) -> bool:
        """Whether a token belongs to a session."""
        return hmac.compare_digest(self.csrf(session).encode(), (token or "").encode())

    def _proof(self, person: str) -> str:
        """Changes with the password, so that a new password ends the old sessions."""
        if self._settings.authentication == "none" or not person:
            return ""
        hashed = self._settings.passwords.get(person)
        return hashlib.sha256(hashed.get_secret_value().encode()).hexdigest()[:16] if hashed else secrets.token_hex(8)
