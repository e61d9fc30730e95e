"""Hulls and height fields stand where the packed geoms point to."""

import numpy as np

from genesis.description.read import read_mjcf
from genesis.grad.shapes import pack_shapes
from genesis.model.compile import Placed, compile_model
from genesis.model.layout import HEADER_INDEX, INTEGER_PLACE

FIELD = '<hfield name="{}" nrow="{}" ncol="{}" size="1 2 0.5 0.1" elevation="{}"/>'
MODEL = f"""<mujoco model="shapes"><asset>
  {FIELD.format("low", 2, 3, "0 1 2 3 4 8")}{FIELD.format("high", 3, 2, "8 1 2 3 4 0")}
  <mesh name="tent" vertex="-1 -1 0 1 -1 0 1 1 0 -1 1 0 0 0 1"/><mesh name="wedge" vertex="0 0 0 1 0 0 0 1 0 0 0 1"/></asset><worldbody>
  <geom type="hfield" hfield="low"/><geom type="sphere" size="0.1"/>
  <body pos="0 0 3"><freejoint/><geom type="mesh" mesh="tent"/><geom type="mesh" mesh="wedge"/><geom type="mesh" mesh="tent"/></body>
  <body pos="9 0 3"><geom type="hfield" hfield="high"/></body></worldbody></mujoco>"""


def test_every_shape_is_where_its_geom_points():
    description = read_mjcf(MODEL)
    model = compile_model([Placed(description, "shapes")], description.gravity)
    integers, shapes = pack_shapes(model)
    count, column, width = INTEGER_PLACE["geom_data"]
    begin = integers[HEADER_INDEX[f"adr_{count}"]]
    found = {}
    for row, k in enumerate(model.contact_geoms):
        data = integers[begin + row * width + column]
        found.setdefault(model.geoms[k].type, []).append(int(data))
        if model.geoms[k].type == "mesh":
            corners, _, first = integers[data : data + 3]
            vertices = shapes[first : first + 3 * corners].reshape(-1, 3)
            expected, _ = model.hulls[model.integers["geom_data"][row]]
            np.testing.assert_allclose(vertices[np.lexsort(vertices.T)], expected[np.lexsort(np.asarray(expected).T)])
        elif model.geoms[k].type == "hfield":
            rows, columns, first = integers[data : data + 3]
            field = model.hfields[model.integers["geom_data"][row]]
            assert (rows, columns) == field.heights.shape
            np.testing.assert_allclose(shapes[first : first + 3], [1.0, 2.0, 0.1])
            np.testing.assert_allclose(shapes[first + 3 : first + 3 + rows * columns], 0.5 * field.heights.ravel())
    assert found["sphere"] == [-1] and len(set(found["mesh"])) == 2 and len(set(found["hfield"])) == 2


def test_a_model_without_shapes_has_none():
    description = read_mjcf('<mujoco><worldbody><body><freejoint/><geom size="0.1"/></body></worldbody></mujoco>')
    model = compile_model([Placed(description, "ball")])
    integers, shapes = pack_shapes(model)
    assert np.array_equal(integers, model.pack_integers()) and shapes.tolist() == [0.0]
