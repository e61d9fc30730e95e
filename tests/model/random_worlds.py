"""Random MJCF worlds of spheres and planes: trees with welded bodies, filter bits, excludes and explicit pairs."""

import numpy as np

JOINTS = (
    '<joint type="hinge" axis="{a}" pos="{p}"/>',
    '<joint type="slide" axis="{a}" armature="0.2"/>',
    '<joint type="ball" pos="{p}"/>',
)


def random_world(seed: int, bodies: int = 9) -> str:
    """Half of the bodies stand on another one, a quarter of them without a joint; bits are drawn from two."""
    rng = np.random.default_rng(seed)
    parents = [-1 if k < 2 or rng.random() < 0.4 else int(rng.integers(k)) for k in range(bodies)]
    children: dict[int, list[int]] = {k: [j for j, p in enumerate(parents) if p == k] for k in range(-1, bodies)}
    count = 0

    def text(scale: float = 1.0) -> str:
        return " ".join(f"{x:.6f}" for x in scale * rng.normal(size=3))

    def geom(kind: str) -> str:
        nonlocal count
        count += 1
        size = 'type="plane" size="1 1 1"' if kind == "plane" else f'size="{rng.uniform(0.05, 0.2):.4f}"'
        bits = f'contype="{rng.integers(4)}" conaffinity="{rng.integers(4)}"'
        more = f'condim="{rng.choice([1, 3, 4, 6])}" priority="{rng.integers(2)}"'
        return f'<geom name="g{count - 1}" {size} pos="{text(0.3)}" {bits} {more}/>'

    def body(k: int) -> str:
        kinds = [] if rng.random() < 0.25 else [JOINTS[rng.integers(3)].format(a=text(), p=text(0.1))]
        if parents[k] < 0 and rng.random() < 0.3:
            kinds = ["<freejoint/>"]
        inside = "".join(kinds) + "".join(geom("sphere") for _ in range(rng.integers(1, 3))) + "".join(map(body, children[k]))
        return f'<body name="b{k}" pos="{text()}"><inertial pos="{text(0.1)}" mass="1" diaginertia="0.2 0.3 0.4"/>{inside}</body>'

    world = geom("plane") + geom("sphere") + "".join(map(body, children[-1]))
    names = rng.permutation(count)
    pairs = "".join(f'<pair geom1="g{names[2 * k]}" geom2="g{names[2 * k + 1]}" condim="4"/>' for k in range(3))
    ends = rng.permutation(bodies)
    excludes = "".join(f'<exclude body1="b{ends[2 * k]}" body2="b{ends[2 * k + 1]}"/>' for k in range(3))
    return f"<mujoco><worldbody>{world}</worldbody><contact>{pairs}{excludes}</contact></mujoco>"
