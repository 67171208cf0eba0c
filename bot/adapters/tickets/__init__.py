"""The systems that keep tickets. Their libraries are large: each is loaded where the settings turn it on."""
