"""What was said goes out to its platform, after the commit.

The messages table holds what each message is to be; `delivered` is the change that the platform has. So a
message that changed five times while the platform was slow is edited once. Channels are served side by side,
each in its order, the urgent first; one that fails waits, and holds up no other. What is not a message (the top
of a channel, a pin, a document) is tried again by itself, and holds up no message.

`outbox` finds the channels where something is to be done, and gives each its turn (`turn`): it is opened (`opening`),
what waits is said, and its top is brought up to date (`tops`). How it goes with a channel is its `course`. One process
sends at a time (`lease`). What cannot be delivered is told to somebody (`undelivered`).
"""
