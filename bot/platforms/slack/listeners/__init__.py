"""What Tocsin listens to in Slack, one module for each kind of thing; each declares LISTEN."""
