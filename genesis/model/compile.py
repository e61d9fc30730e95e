"""From descriptions to a Model: joints become elementary joints, trees become index arrays, units are checked."""

from collections.abc import Sequence

import numpy as np

from genesis.description.friction_law import NO_LAW
from genesis.model.builder import Builder, Placed
from genesis.model.chains import Chains
from genesis.model.constraints import equalities, friction, limits
from genesis.model.contacts import contacts
from genesis.model.invweight import invweights
from genesis.model.layout import PARAMETERS, Rows
from genesis.model.model import Model
from genesis.model.options import ConstraintRequest, resolve
from genesis.model.sparsity import MotionAxes, Pattern, motion_axes, sparsity


def compile_model(
    placed: Sequence[Placed],
    gravity: Sequence[float] = (0.0, 0.0, -9.81),
    request: ConstraintRequest = ConstraintRequest(),  # noqa: B008  # frozen
) -> Model:
    """One model of everything that is placed in a scene, in the order given.

    Raises: ModelError (bad values), UnsupportedError (features that are not simulated), naming file and element.
    """
    b = Builder()
    for p in placed:
        b.add(p)
    axes = motion_axes(b)
    chains = Chains(axes, len(b.dof_qadr))
    limit, limit_values = limits(b, chains, request)
    equality, equality_values = equalities(b, chains, request)
    touching = contacts(b, chains, request)
    structure = _structure(b, axes)
    mass = sparsity(len(b.dof_qadr), [(axes.dof[x], axes.dof[y]) for x, path in enumerate(axes.paths) for y in path])
    hess = sparsity(len(b.dof_qadr), chains.pairs() | set(mass.address))
    integers = dict(
        **structure, **_matrices(axes, mass, hess), **limit, **equality, **touching.integers, **chains.integers(mass),
    )  # fmt: skip
    invweight = invweights(b, axes)
    parameters = dict(
        gravity=gravity, link_invweight=invweight[0], dof_invweight=invweight[1],
        **_bodies_and_joints(b), **_actuators(b),
        **friction(b, request), **limit_values, **equality_values, **touching.parameters,
    )  # fmt: skip
    sizes = _sizes(b, chains, integers, parameters, touching.geoms)
    return Model(
        sizes=sizes,
        integers={k: np.asarray(v, np.int32).reshape(-1) for k, v in integers.items()},
        parameters={k.name: np.asarray(parameters[k.name], np.float64).reshape(k.shape(sizes)) for k in PARAMETERS},
        qpos0=np.asarray(b.qpos0, np.float64),
        dof_inertia=invweight[2],
        links=b.links,
        link_parents=np.asarray(b.parents, np.int32),
        joints=b.joints,
        entities=b.entities,
        actuators=b.actuators,
        geoms=b.geoms,
        sites=b.sites,
        contact_geoms=touching.geoms,
        hulls=touching.hulls,
        hfields=touching.hfields,
        constraints=resolve(request, [p.description.options for p in placed]),
    )


def _sizes(b: Builder, chains: Chains, integers: Rows, parameters: Rows, geoms: list[int]) -> dict[str, int]:
    """Counts of everything that has rows in the arrays."""
    return dict(
        one=1, nlink=len(b.links), njnt=len(b.elementary), nq=len(b.qpos0), nv=len(b.dof_qadr), nu=len(b.actuators),
        ntrn=len(integers["trn_dof"]), naxis=len(integers["axis_dof"]), nM=len(integers["m_column"]), npair=len(integers["pair_axis"]),
        nlimit=len(integers["limit_jnt"]), neq=len(integers["eq_type"]),
        ngeom=len(geoms), nxpair=len(parameters["xpair_gap"]), ncand=len(integers["cand_code"]),
        nchain=len(chains.axes), nchainaxis=sum(map(len, chains.axes)), nchaindof=sum(map(len, chains.dofs)),
        nchainmost=max(map(len, chains.dofs), default=0), nH=len(integers["hess_column"]),
    )  # fmt: skip


def _structure(b: Builder, axes: MotionAxes) -> Rows:
    """Integers of links, joints and actuators."""
    count = [len(r) for r in b.act_rows]
    e = b.elementary
    return dict(
        link_parent=[p + 1 for p in b.parents],
        link_root=[int(p < 0) for p in b.parents],
        link_free=_free_bodies(b),
        link_jntadr=[first for first, _ in b.link_jnt],
        link_jntnum=[n for _, n in b.link_jnt],
        link_axisend=[(axes.of_joint + [len(axes.dof)])[first + n] for first, n in b.link_jnt],
        jnt_type=[j.code for j in e], jnt_qadr=[j.qadr for j in e], jnt_dof=[j.dof for j in e], jnt_axisadr=axes.of_joint,
        jnt_owner=[int(j.owner) for j in e], jnt_moved=[int(bool(np.any(j.pos != 0.0))) for j in e],
        dof_qadr=b.dof_qadr,
        act_trnadr=np.cumsum([0] + count)[:-1], act_trnnum=count, trn_dof=[d for rows in b.act_rows for d, _ in rows],
    )  # fmt: skip


def _matrices(axes: MotionAxes, mass: Pattern, hess: Pattern) -> Rows:
    """Integers of the motion axes, of the mass matrix and of the Hessian of the constrained problem."""
    pair_axis, pair_adr, pairadr, pairnum = _pairs(axes, mass)
    return dict(
        axis_dof=axes.dof, axis_pairadr=pairadr, axis_pairnum=pairnum, pair_axis=pair_axis, pair_adr=pair_adr,
        dof_madr=mass.adr, dof_depth=mass.depth, m_column=mass.column,
        hess_adr=hess.adr, hess_depth=hess.depth, hess_column=hess.column,
    )  # fmt: skip


def _bodies_and_joints(b: Builder) -> Rows:
    """Parameters as described."""
    e, nv = b.elementary, len(b.dof_qadr)
    return dict(
        link_pos=[k.pos for k in b.links], link_quat=[k.quat for k in b.links],
        link_mass=[k.mass for k in b.links], link_com=[k.com for k in b.links],
        link_inertia=[np.asarray(k.inertia)[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]] for k in b.links],
        jnt_axis=[j.axis for j in e], jnt_pos=[j.pos for j in e], jnt_scale=[j.scale for j in e], jnt_offset=[j.offset for j in e],
        jnt_pitch=[j.pitch for j in e],
        dof_armature=b.dof["armature"], dof_damping=b.dof["damping"], dof_stiffness=b.dof["stiffness"], qpos_spring=b.qspring,
        dof_frictionlaw=b.dof_frictionlaw,
        dof_kp=np.zeros(nv), dof_kv=np.zeros(nv), dof_force_lo=b.dof["lo"], dof_force_hi=b.dof["hi"],
    )  # fmt: skip


def _actuators(b: Builder) -> Rows:
    acts = b.actuators
    return dict(
        act_gain=[a.gain for a in acts], act_frictionlaw=np.zeros((len(acts), len(NO_LAW))),
        act_bias0=b.act_bias0, act_bias1=[a.bias[1] for a in acts], act_bias2=[a.bias[2] for a in acts],
        ctrl_lo=[(a.ctrlrange or (-np.inf,))[0] for a in acts], ctrl_hi=[(a.ctrlrange or (np.inf,))[-1] for a in acts],
        force_lo=[(a.forcerange or (-np.inf,))[0] for a in acts], force_hi=[(a.forcerange or (np.inf,))[-1] for a in acts],
        trn_coef=[c for rows in b.act_rows for _, c in rows],
    )  # fmt: skip


def _free_bodies(b: Builder) -> list[int]:
    """1 for each link of a tree whose only joint floats, else 0."""
    roots: list[int] = []
    for l, parent in enumerate(b.parents):  # noqa: E741
        roots.append(roots[parent] if parent >= 0 else l)
    jointed = {roots[l] for l, (_, count) in enumerate(b.link_jnt) if count and b.parents[l] >= 0}  # noqa: E741
    return [int(root not in jointed and any(j.kind.floats for j in b.links[root].joints)) for root in roots]


def _pairs(axes: MotionAxes, mass: Pattern) -> tuple[list[int], list[int], list[int], list[int]]:
    """Which entries of the mass matrix each motion axis adds to: pair_axis, pair_adr, axis_pairadr, axis_pairnum."""
    pair_axis: list[int] = []
    pair_adr: list[int] = []
    pairadr: list[int] = []
    pairnum: list[int] = []
    for x, ys in enumerate(axes.paths):
        pairadr.append(len(pair_axis))
        for y in ys:
            i, k = axes.dof[x], axes.dof[y]
            # two axes that share one coordinate meet twice on the diagonal
            for _ in range(2 if i == k and x != y else 1):
                pair_axis.append(y)
                pair_adr.append(mass.address[(max(i, k), min(i, k))])
        pairnum.append(len(pair_axis) - pairadr[-1])
    return pair_axis, pair_adr, pairadr, pairnum
