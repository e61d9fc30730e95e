"""Random worlds: trees of bodies with every kind of joint and constraint, simulated here and in MuJoCo, differentiated and checked."""
