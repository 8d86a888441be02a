"""Who is compared: each module does one job its own way, in a process of its own, and says what it measured."""
