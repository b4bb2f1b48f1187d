"""What fails here by our fault or our choice, and why: the name of a case → the reason. A case that passes although it is named here has failed."""

TTL_BEHIND_LABEL = "the datapath writes no header behind a label that came with the packet; Open vSwitch has no copy_ttl at all"

KNOWN = {
    "action: copy_ttl_in: MPLS to IP": TTL_BEHIND_LABEL,
    "action: copy_ttl_in: MPLS to IP, in the action set": TTL_BEHIND_LABEL,
    "action: output CONTROLLER, max_len": "the standard wants the whole packet from a switch without buffers; as Open vSwitch, it is cut",
    "error: BAD_ACTION/BAD_OUT_PORT, port 0": "a number that no port has yet is taken, 0 too; as Open vSwitch",
}
