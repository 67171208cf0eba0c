"""What routes ask besides who a client is and how often it comes: maintenance, sunset, concurrency."""
