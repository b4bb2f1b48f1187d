"""A firewall without state: port 1 is inside, port 2 outside. Inside may open TCP to 80 and 443 and ask DNS; answers come back; nothing else."""
from common import App

INSIDE, OUTSIDE = 1, 2
ALLOWED = ((6, "tcp", 80), (6, "tcp", 443), (17, "udp", 53))


class Firewall(App):
    def begin(self, switch):
        self.rule(switch, 0, [])
        for port, other in ((INSIDE, OUTSIDE), (OUTSIDE, INSIDE)):
            self.rule(switch, 10, self.output(switch, other), in_port=port, eth_type=0x0806)
        for proto, name, service in ALLOWED:
            ip = {"eth_type": 0x0800, "ip_proto": proto}
            self.rule(switch, 10, self.output(switch, OUTSIDE), in_port=INSIDE, **ip, **{f"{name}_dst": service})
            self.rule(switch, 10, self.output(switch, INSIDE), in_port=OUTSIDE, **ip, **{f"{name}_src": service})
