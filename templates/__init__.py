"""Texts and pages as Jinja2 templates, and the one function that renders them."""
