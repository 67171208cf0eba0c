"""Tocsin in Slack, on Bolt.

A delivery is verified and stored (`intake`), acknowledged, and worked from the store by the listeners (`workshop`,
`listeners/`); a form opens before that, within Slack's three seconds (`screens`, `opening`, `forms`). What Tocsin says
goes out through the outbox (`chat`), within Slack's limits (`pacing`, `web`). What Slack refuses is told to somebody
(`refusals`, `access`).
"""

from bot.platforms import Platform
from bot.platforms.slack.platform import connect
from bot.platforms.slack.settings import SlackSettings

PLATFORM = Platform(name="slack", section=SlackSettings, connect=connect)
