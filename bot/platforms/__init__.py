"""Chat platforms, one package each: they take what people do in, and render cards out."""
