"""Sweeps: many jobs of one command. Hydra's launchers run them; here is which, what each leaves behind, and the table of them all."""
