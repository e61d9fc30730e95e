"""Draw the picture of docs/contact.md: a ball dropped with a forward speed, its derivative under two contact laws.

pip install matplotlib && python docs/images/smooth_contact.py
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

INK, MUTED, SMOOTH, SHARP = "#1f2933", "#c3cdd6", "#0b7285", "#e8590c"
GRAVITY, FRICTION, RADIUS, STEP, DURATION = 9.81, 0.5, 0.1, 0.005, 0.5  # a ball of 1 kg
TIMECONST, DAMPRATIO, D_MIN, D_MAX, WIDTH, MID, STEPS = 0.02, 1.0, 0.9, 0.95, 0.001, 0.5, 4.0


def sigmoid(x):
    """MuJoCo's impedance profile of power two, also for complex x."""
    return np.where(x.real < MID, x**2 / MID, 1 - np.where(x.real < 1, 1 - x, 0) ** 2 / (1 - MID))


def impedance(gap, speed, smooth):
    """Impedance d and whether the contact is on."""
    width = np.sqrt(WIDTH**2 + (STEPS * STEP * speed) ** 2) if smooth else WIDTH
    depth = -(gap + STEP * speed) if smooth else -gap
    on = depth.real > 0
    lowest = 0.0 if smooth else D_MIN
    return lowest + (D_MAX - lowest) * sigmoid(np.where(on, depth / width, 1e-9)), on


def contact_force(normal, tangent, D, lever):
    """Normal and tangential force of an elliptic cone for accelerations that are off their reference; the inertia is that of the ball."""
    mass_t = 1 / (1 + lever**2 / (0.4 * RADIUS**2))
    # stick: the two directions are independent
    f_n, f_t = -normal / (1 + 1 / D), -tangent / (1 / mass_t + 1 / D)
    # slip: one dimension, along (1, -friction * direction of slip)
    s = np.sign(tangent.real)
    stiffness = D / (1 + FRICTION**2)
    slip = -(normal - FRICTION * s * tangent) * stiffness / (1 + stiffness * (1 + FRICTION**2 / mass_t))
    sliding = np.abs(f_t.real) > FRICTION * f_n.real
    f_n, f_t = np.where(sliding, slip, f_n), np.where(sliding, -FRICTION * s * slip, f_t)
    return np.where(f_n.real > 0, f_n, 0), np.where(f_n.real > 0, f_t, 0)


def slide(heights, smooth):
    """Distance after DURATION and its exact derivative by the height of release (complex step)."""
    gap = heights - RADIUS + 1e-30j
    v, u, spin, x = 0 * gap, 0 * gap + 1, 0 * gap, 0 * gap
    B, K = 2 / (D_MAX * TIMECONST), 1 / (D_MAX * TIMECONST * DAMPRATIO) ** 2
    for _ in range(round(DURATION / STEP)):
        d, on = impedance(gap, v, smooth)
        lever = RADIUS + gap / 2
        spring = K * gap if smooth else K * d * gap
        f_n, f_t = contact_force(-GRAVITY + B * v + spring, B * (u - lever * spin), d / (1 - d), lever)
        f_n, f_t = np.where(on, f_n, 0), np.where(on, f_t, 0)
        v, u, spin = v + STEP * (f_n - GRAVITY), u + STEP * f_t, spin - STEP * f_t * lever / (0.4 * RADIUS**2)
        gap, x = gap + STEP * v, x + STEP * u
    return x.real, x.imag / 1e-30


def main() -> None:
    heights = np.linspace(0.15, 0.25, 401)
    plt.rcParams.update({"font.family": "DejaVu Sans", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, (result, slope, profile) = plt.subplots(1, 3, figsize=(11, 3.6), dpi=160, constrained_layout=True)
    for smooth, color, name in ((False, SHARP, "MuJoCo"), (True, SMOOTH, "smooth")):
        x, derivative = slide(heights, smooth)
        trend = np.polynomial.Polynomial.fit(heights, x, 3)
        result.plot(100 * heights, 100 * (x - x[0]), ".", ms=2.6, color=color, label=name)
        slope.plot(100 * heights, derivative, ".", ms=2.6, color=color, label=name)
        ratio = derivative / trend.deriv()(heights)
        print(f"{name}: local over trend, median {np.median(ratio):.3f}, smallest {ratio.min():.2f}, largest {ratio.max():.2f}")
    slope.plot(100 * heights, trend.deriv()(heights), color=INK, lw=1.2, label="trend")
    result.set(xlabel="height of release [cm]", ylabel="gain in distance [cm]")
    result.set_title("where the ball ends", loc="left", color=INK)
    result.legend(frameon=False, markerscale=4)
    slope.set(xlabel="height of release [cm]", ylabel="d distance / d height", ylim=(0, None))
    slope.set_title("derivative of the simulation", loc="left", color=INK)
    slope.legend(frameon=False, markerscale=4)
    depth = np.linspace(0, 0.03, 600)
    for speed, shade in ((0.0, 1.0), (0.5, 0.75), (1.0, 0.55), (2.0, 0.35)):
        d, _ = impedance(-depth + STEP * speed, np.full_like(depth, -speed), True)
        profile.plot(1e3 * depth, d, color=SMOOTH, alpha=shade, lw=1.8)
        at = np.searchsorted(d, 0.62)
        if at < len(d):
            profile.annotate(
                f"{speed:g} m/s", (1e3 * depth[at], d[at]), xytext=(4, -3), textcoords="offset points", fontsize=8, color=INK
            )
    d, _ = impedance(-depth, 0 * depth, False)
    profile.plot(1e3 * depth, d, color=SHARP, lw=1.4)
    profile.annotate("MuJoCo", (20, 0.955), xytext=(0, 3), textcoords="offset points", fontsize=8, color=SHARP)
    profile.set(xlabel="predicted depth [mm]", ylabel="impedance d", ylim=(0, 1.05), xlim=(0, 30))
    profile.set_title("how a contact ramps up", loc="left", color=INK)
    out = Path(__file__).with_suffix(".png")
    figure.savefig(out, facecolor="white")
    print(out)


if __name__ == "__main__":
    main()
