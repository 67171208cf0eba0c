"""What the public is told, on its way to the pages outside."""
