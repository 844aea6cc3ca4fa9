"""How gunicorn runs the service: the worker, its connections and the fast path."""
