"""Constraints: contacts, joint limits, dry friction and equalities as one convex problem, solved exactly, differentiated once.

Everything here handles one environment at a time in plain numbers. Order of a step: `collect` the blocks of rows that act in this state,
`solve` for the acceleration; in reverse: the same blocks again, one linear solve with the Hessian, and the adjoint of every block.
Formulation: MuJoCo documentation, "Computation: constraint model"; Todorov, Convex and analytically-invertible dynamics with contacts and
constraints, ICRA 2014. Derivation of the adjoint: docs/adjoints/constraints.md
"""
