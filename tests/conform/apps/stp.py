"""A spanning tree with os-ken's stplib, its timers short. Bridges flood: a loop that is not blocked would never come to rest."""
from os_ken.controller.handler import set_ev_cls
from os_ken.lib import stplib

from common import App

TIMERS = {"hello_time": 1, "max_age": 4, "fwd_delay": 2}
STATES = {stplib.PORT_STATE_DISABLE: "disable", stplib.PORT_STATE_BLOCK: "block", stplib.PORT_STATE_LISTEN: "listen",
          stplib.PORT_STATE_LEARN: "learn", stplib.PORT_STATE_FORWARD: "forward"}


class ForAll(dict):
    """One configuration for every bridge."""

    def get(self, key, default=None):
        return {"bridge": dict(TIMERS)}


class SpanningTree(App):
    _CONTEXTS = {"stplib": stplib.Stp}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        kwargs["stplib"].set_config(ForAll())

    @set_ev_cls(stplib.EventPortStateChange)
    def on_state(self, event):
        """The first port that forwards: until then a loop would be one."""
        switch = event.dp
        if event.port_state == stplib.PORT_STATE_FORWARD:
            self.rule(switch, 1, self.output(switch, switch.ofproto.OFPP_FLOOD))
        self.tell("port", switch=switch.id, port=event.port_no, state=STATES[event.port_state])
