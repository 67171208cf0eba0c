"""Stakeholders by mail: one message an update, and all of an incident in one thread.

The id of a message follows from the update, so one that is sent again after a lost answer is the same message.
"""

from __future__ import annotations

from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

import aiosmtplib

from bot.world.settings import MailSettings
from commands.domain.stakeholder import StakeholderUpdate
from commands.errors import Unavailable
from commands.ports import Rejected

_PERMANENT = 500


class Mail:
    """One place's recipients."""

    def __init__(self, server: MailSettings, to: Sequence[str]) -> None:
        self._server = server
        self._to = list(to)

    async def send(self, update: StakeholderUpdate, *, text: str, html: str) -> None:
        """See Sender."""
        server = self._server
        try:
            refused, _ = await aiosmtplib.send(
                self.message(update, text, html),
                recipients=self._to,
                hostname=server.host,
                port=server.port,
                username=server.username or None,
                password=server.password.get_secret_value() or None,
                use_tls=server.security == "tls",
                start_tls=server.security == "starttls",
                timeout=server.timeout_seconds,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [one.code for one in error.recipients]
            raise _judged(max(codes, default=0), "no recipient was accepted") from error
        except aiosmtplib.SMTPResponseException as error:
            raise _judged(error.code, str(error.message)) from error
        except aiosmtplib.SMTPNotSupported as error:
            raise Rejected(f"the mail server cannot do what the settings ask for: {error}") from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise Unavailable(f"The mail server does not answer as it should ({type(error).__name__}).") from error
        if refused:
            raise Rejected(f"not accepted for {', '.join(sorted(refused))}; the others have it")

    def message(self, update: StakeholderUpdate, text: str, html: str) -> EmailMessage:
        """All updates of an incident have one subject and refer to the first, so that they are read as one thread."""
        brief, sender = update.brief, self._server.sender
        domain = parseaddr(sender)[1].rpartition("@")[2]
        thread = f"<{update.incident}.{update.place}.1@{domain}>"
        message = EmailMessage(policy=SMTP)
        message["From"] = sender
        message["To"] = ", ".join(self._to)
        message["Subject"] = f"{' '.join(brief.title.split())[:150]} ({update.incident})"
        message["Date"] = format_datetime(update.at)
        message["Message-ID"] = f"<{update.incident}.{update.place}.{update.number}@{domain}>"
        if update.number > 1:
            message["In-Reply-To"] = message["References"] = thread
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        message.add_alternative(html, subtype="html")
        return message


def _judged(code: int, said: str) -> Exception:
    words = f"the mail server says {code}: {' '.join(said.split())[:200]}"
    return Rejected(words) if code >= _PERMANENT else Unavailable(f"T{words[1:]}.")
