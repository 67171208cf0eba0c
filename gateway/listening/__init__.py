"""What the public listener speaks: its certificates and who gets which of them."""
