"""What the gateway can be told besides its number of workers: one module for each kind of order."""
