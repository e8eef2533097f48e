"""Whether the platform is well: signs of life of its processes, and what follows from them."""
