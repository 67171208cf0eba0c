"""The Web API: what each method does, and the gate before them all."""
