"""HTTP: what requests hold, who may send them, and what is answered."""
