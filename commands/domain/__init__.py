"""What an incident is: values, events, and the state that the events add up to."""
