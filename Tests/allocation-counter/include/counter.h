// Nothing is called by name: see counter.c.
