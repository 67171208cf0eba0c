"""Who is on call in transcripts, by which number, and who is called after them."""

from __future__ import annotations

from bot.demo.people import PEOPLE

PHONES = {"ana": "+1-555-0123", "ben": "+1-555-0124", "dev": "+1-555-0456"}
ESCALATION = [
    {"title": "On-call engineer"},
    {"title": "Engineering lead", "people": ["dev"]},
    {"title": "CTO or VP Engineering", "contacts": [{"name": "VP Engineering", "phone": "+1-555-0999"}]},
]
#: Settings by which these are called, while no clock runs.
SETTINGS = {
    "people": [one | {"phone": PHONES.get(one["id"], "")} for one in PEOPLE],
    "clocks": {"enabled": False, "escalation": ESCALATION},
    "on_call": {"gateway": ["ana"], "billing": ["dev"]},
}
