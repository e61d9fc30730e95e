"""Small robots, as text, for tests of the scene."""

GANTRY = """<robot name="gantry">
  <link name="world"/><link name="rail_x"/><link name="rail_y"/>
  <link name="carriage"><inertial><origin xyz="0 0 0"/><mass value="1.0"/>
    <inertia ixx="0.0017" iyy="0.0017" izz="0.0017" ixy="0" ixz="0" iyz="0"/></inertial></link>
  <joint name="slide_x" type="prismatic"><parent link="world"/><child link="rail_x"/><axis xyz="1 0 0"/>
    <limit lower="-10" upper="10" effort="100" velocity="100"/></joint>
  <joint name="slide_y" type="prismatic"><parent link="rail_x"/><child link="rail_y"/><axis xyz="0 1 0"/>
    <limit lower="-10" upper="10" effort="100" velocity="100"/></joint>
  <joint name="slide_z" type="prismatic"><parent link="rail_y"/><child link="carriage"/><axis xyz="0 0 1"/>
    <limit lower="-10" upper="10" effort="100" velocity="100"/></joint>
</robot>"""

PENDULUM = """<mujoco model="pendulum"><compiler angle="radian"/>
  <worldbody><body name="rod" pos="0 0 1"><joint name="pivot" type="hinge" axis="0 1 0"/>
    <inertial pos="0 0 -0.5" mass="2" diaginertia="0.02 0.03 0.01"/><site name="tip" pos="0 0 -1"/></body></worldbody>
</mujoco>"""

ARM = """<mujoco model="arm"><compiler angle="radian"/>
  <worldbody>
    <body name="base"><inertial pos="0 0 0.1" mass="3" diaginertia="0.1 0.1 0.1"/>
      <body name="upper" pos="0 0 0.3">
        <joint name="shoulder" axis="0 1 0" damping="0.1" armature="0.02" range="-2 2" limited="true"/>
        <inertial pos="0 0.02 0.2" mass="1.5" diaginertia="0.02 0.02 0.004"/>
        <body name="lower" pos="0 0 0.4"><joint name="elbow" axis="1 0 0" damping="0.05" stiffness="0.7" armature="0.01"/>
          <inertial pos="0.01 0 0.15" mass="0.8" diaginertia="0.008 0.009 0.002"/>
          <body name="hand" pos="0 0 0.3"><joint name="wrist" type="slide" axis="0 0 1" damping="0.2"/>
            <inertial pos="0 0 0.05" mass="0.3" diaginertia="0.001 0.001 0.001"/>
            <site name="tip" pos="0 0 0.1" quat="0.7071067811865476 0 0.7071067811865476 0"/>
          </body></body></body></body>
  </worldbody>
  <actuator><motor name="drive" joint="shoulder" gear="2"/><position name="servo" joint="elbow" kp="5"/></actuator>
  <keyframe><key name="bent" qpos="0.1 0.2 0.03"/></keyframe>
</mujoco>"""

FLOATING = """<mujoco model="floating"><compiler angle="radian"/>
  <worldbody>
    <body name="trunk" pos="0 0 1"><freejoint name="root"/><inertial pos="0.02 0 0.01" mass="2" diaginertia="0.02 0.03 0.04"/>
      <body name="leg" pos="0.1 0 0"><joint name="hip" type="ball" damping="0.03"/>
        <inertial pos="0 0 -0.2" mass="0.6" diaginertia="0.006 0.006 0.001"/>
        <body name="foot" pos="0 0 -0.4"><joint name="knee" axis="0 1 0" damping="0.02"/>
          <inertial pos="0 0.01 -0.1" mass="0.3" diaginertia="0.002 0.002 0.0005"/></body></body></body>
  </worldbody>
</mujoco>"""
