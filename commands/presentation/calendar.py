"""A meeting as an iCalendar file (RFC 5545): the same UID whenever it is moved, and a SEQUENCE that rises."""

from __future__ import annotations

from icalendar import Calendar, Event, vText

from commands.domain.incident import Incident
from commands.domain.work import Meeting
from commands.people import Directory


def ics(incident: Incident, meeting: Meeting, directory: Directory, address: str) -> str:
    """What calendars take. The same meeting gives the same text."""
    calendar = Calendar()
    calendar.add("prodid", "-//Tocsin//Postmortem review//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "CANCEL" if meeting.cancelled else "PUBLISH")
    event = Event()
    event.add("uid", f"{incident.id}-review@tocsin")
    event.add("sequence", meeting.sequence)
    event.add("dtstamp", meeting.set_at)
    event.add("dtstart", meeting.at)
    event.add("dtend", meeting.until)
    event.add("summary", f"Postmortem review: {incident.severity} {incident.title}")
    event.add("status", "CANCELLED" if meeting.cancelled else "CONFIRMED")
    names = directory.names()
    people = ", ".join(names.get(one, one) for one in meeting.people)
    page = f"{address}/postmortems/{incident.id}"
    event.add("description", f"{incident.id}\n{page}" + (f"\nWith {people}" if people else ""))
    event.add("url", vText(page))
    calendar.add_component(event)
    return str(calendar.to_ical().decode())
