"""Write docs/notebook.ipynb: the cells below, executed, with what they print and draw.

python docs/make/notebook_page.py
"""

import re
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

TARGET = Path(__file__).resolve().parents[1] / "notebook.ipynb"

#: Markdown between Python; a cell of each, in turn.
TEXT = """
# A notebook

A first optimisation, a look at it, a loss of your own, gradients. Needs nothing but this project and a Jupyter; every cell takes about
a second, after kernels have been compiled once.

```python
import matplotlib.pyplot as plt
import torch

import genesis as gs
```

## A first optimisation

`gs.compose` takes the words of the command line. A cart with a pole that hangs down learns forces that swing it
up; nothing is printed or written unless asked for.

```python
problem = gs.compose("task=swing_up")
result = problem.solve()
print(result.status, "after", result.iterations, "iterations:", result.reason)
print({name: round(value, 3) for name, value in result.metrics.items()})
```

## A look at it

The best parameters are in the problem now; `simulate` rolls them out, and `arrays` has the motion.

```python
seen = problem.simulate()
time, (cart, pole) = seen.arrays["time"] - seen.arrays["time"][0], seen.arrays["qpos"].T
figure, axes = plt.subplots(1, 3, figsize=(9.5, 2.4), dpi=80, layout="constrained")
axes[0].plot(time, pole)
axes[0].set(title="angle of the pole [rad]; 0 is upright", xlabel="time [s]")
axes[1].plot(time, cart)
axes[1].set(title="position of the cart [m]", xlabel="time [s]")
axes[2].plot(time[:-1], problem.parameters["controls"].value().detach().squeeze(-1))
axes[2].set(title="learned force [N]", xlabel="time [s]");
```

## A loss of your own

Underneath is a scene; whatever torch can differentiate of a rollout can be a loss. Here the pole should end upright with the cart where it
likes, and the force should change little from one step to the next.

```python
scene = problem.scene
forces = torch.zeros(150, 2, dtype=torch.float64, requires_grad=True)  # of cart, pole
start = {"qpos": [0.0, torch.pi], "qvel": [0.0, 0.0]}


def loss(forces):
    run = scene.rollout(forces * torch.tensor([1.0, 0.0]), **start)
    upright = 2.0 - 2.0 * torch.cos(run.qpos[-1, 1]) + 0.1 * run.qvel[-1].square().sum()
    return upright + 1e-4 * (forces[1:, 0] - forces[:-1, 0]).square().sum()


with torch.no_grad():  # a start that is no saddle
    forces[:, 0] = 3.0 * torch.sin(torch.linspace(0.0, 12.0, 150))
optimizer = torch.optim.LBFGS([forces], lr=1.0, max_iter=60, line_search_fn="strong_wolfe")


def closure():
    optimizer.zero_grad()
    value = loss(forces)
    value.backward()
    return value


before = loss(forces).item()
optimizer.step(closure)
print(f"loss {before:.2f} -> below 0.1: {loss(forces).item() < 0.1}")
```

## Gradients

Is the gradient right? Along random directions, central differences over many step lengths are compared with it.

```python
report = gs.gradcheck(loss, {"forces": forces}, scene=scene)
print("right:", report.ok, "| verdicts:", report.counts())
```

Every input has one: here masses and damping of the model, by their names.

```python
mass = scene.entities[0].get_links_mass().detach().clone().requires_grad_()
run = scene.rollout(forces.detach() * torch.tensor([1.0, 0.0]), params={"link_mass": mass}, **start)
run.qpos[-1, 1].backward()
print("d angle / d mass of cart and pole [rad/kg]:", [round(x, 2) for x in mass.grad[-2:].tolist()])
```

And the derivatives of single steps, for controllers: a regulator that holds the pole upright.

```python
K = scene.lqr([0.0, 0.0], [0.0, 0.0], None, Q=[1.0, 1.0, 0.1, 0.1], R=0.01, dofs=[0])
print("force = -K x,  K =", [[round(x, 1) for x in row] for row in K.tolist()])
```

More of this: [From Python](python.md).
"""


def cells() -> list[nbformat.NotebookNode]:
    """The cells, not executed."""
    parts = re.split(r"^```(?:python)?\n", TEXT.strip("\n"), flags=re.MULTILINE)
    made = []
    for number, part in enumerate(parts):
        text = part.strip("\n")
        if text:
            made.append(nbformat.v4.new_code_cell(text) if number % 2 else nbformat.v4.new_markdown_cell(text))
        if text:
            made[-1]["id"] = f"cell-{number}"
    return made


def executed(notebook: nbformat.NotebookNode, folder: str | Path) -> nbformat.NotebookNode:
    """The notebook with new outputs, run in a folder.

    Raises: CellExecutionError where a cell fails.
    """
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":  # the log is of this machine
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


def main() -> None:
    notebook = nbformat.v4.new_notebook(cells=cells(), metadata={"language_info": {"name": "python"}})
    with tempfile.TemporaryDirectory() as folder:
        executed(notebook, folder)
    notebook.metadata = {
        "language_info": {"name": "python"},
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    }
    nbformat.write(notebook, TARGET)
    print(TARGET, TARGET.stat().st_size)


if __name__ == "__main__":
    main()
