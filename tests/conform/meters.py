"""Meters of OpenFlow 1.3.5 [§5.7, §7.3.4.4]: bands, flags, what they count. Rates are told from bursts, which need no clock of ours."""
import time

import frames as f
from cases import Case
from instructions import Words
from suite import wait_until

N_PACKETS = 60


def meter(bench, number, flags, *bands, command="ADD"):
    p, o = bench.of.parser, bench.of.ofproto
    return p.OFPMeterMod(bench.of.desc, getattr(o, f"OFPMC_{command}"), sum(getattr(o, f"OFPMF_{flag}") for flag in flags), number, list(bands))


def drop(bench, rate, burst=0):
    return bench.of.parser.OFPMeterBandDrop(rate=rate, burst_size=burst)


def metered(bench, number=1, to=2, **match):
    w = Words(bench)
    return bench.flow(match, [w.meter(number), w.apply(to)])


def passes(bench, n=N_PACKETS, frame=f.tcp()):
    """How many of n packets, sent at once, come out at port 2. All of them are wanted elsewhere, or the rest was dropped by the meter."""
    bench.send(frame)  # the decision is there when the burst comes
    first = len(bench.hear(1, 1.0).get(2, []))
    for _ in range(n - 1):
        bench.send(frame)
    return first + len(bench.hear(n - 1, 0.3).get(2, []))


def packets_above(bench):
    """10 a second with a burst of 20: of 60 at once about 20 pass."""
    bench.of.do(meter(bench, 1, ("PKTPS", "BURST"), drop(bench, 10, 20)), metered(bench))
    n = passes(bench)
    assert 18 <= n <= 30, f"{n} of {N_PACKETS} packets passed"


def kilobits_above(bench):
    """80 kbit/s, burst 80 kbit: 10,000 bytes, of frames with their own size."""
    frame = f.tcp() + bytes(1000 - len(f.tcp()))
    bench.of.do(meter(bench, 1, ("KBPS", "BURST"), drop(bench, 80, 80)), metered(bench))
    n = passes(bench, frame=frame)
    assert 8 <= n <= 20, f"{n} of {N_PACKETS} packets of {len(frame)} bytes passed"


def below_nothing_is_lost(bench):
    bench.of.do(meter(bench, 1, ("PKTPS", "BURST"), drop(bench, 100000, 100000)), metered(bench))
    assert passes(bench) == N_PACKETS


def refills(bench):
    bench.of.do(meter(bench, 1, ("PKTPS", "BURST"), drop(bench, 50, 5)), metered(bench))
    first = passes(bench)
    time.sleep(0.3)
    again = passes(bench)
    assert 4 <= first < 40 and 4 <= again < 40, f"{first}, then {again} of {N_PACKETS} packets passed"


def only_metered_rules(bench):
    bench.of.do(meter(bench, 1, ("PKTPS", "BURST"), drop(bench, 1, 1)), metered(bench), bench.flow({"in_port": 4}, priority=200, to=2))
    passes(bench)
    for _ in range(3):
        bench.expect(f.tcp(), 2, port=4)


def shared_by_rules(bench):
    """Two rules with one meter share its rate."""
    bench.of.do(meter(bench, 1, ("PKTPS", "BURST"), drop(bench, 1, 20)), metered(bench, in_port=1), metered(bench, in_port=4))
    n = passes(bench)
    bench.send(f.udp(), 4)
    assert 18 <= n <= 24 and bench.hear(0, 0.3) == {}, f"{n} passed, and one more of the other rule"


def highest_band(bench):
    """Of two bands the one with the higher rate that is passed is taken: what the lower one would drop passes, if that were all; both drop here."""
    bench.of.do(meter(bench, 1, ("PKTPS", "BURST"), drop(bench, 10, 10), drop(bench, 1000, 1000)), metered(bench))
    n = passes(bench)
    assert 9 <= n <= 20, f"{n} of {N_PACKETS} packets passed"


def modified(bench):
    bench.of.do(meter(bench, 1, ("PKTPS", "BURST"), drop(bench, 1, 1)), metered(bench))
    assert passes(bench) < 10
    bench.of.do(meter(bench, 1, ("PKTPS", "BURST"), drop(bench, 100000, 100000), command="MODIFY"))
    assert passes(bench) == N_PACKETS


def deleted_takes_rules(bench):
    o = bench.of.ofproto
    bench.of.do(meter(bench, 1, ("KBPS",), drop(bench, 1000)), metered(bench), bench.flow({}, priority=1, to=3))
    bench.expect(f.tcp(), 2)
    bench.of.do(meter(bench, 1, (), command="DELETE"))
    bench.expect(f.tcp(), 3)
    assert [stats.priority for stats in bench.flow_stats()] == [1]
    bench.of.do(meter(bench, 1, (), command="DELETE"))  # of one that is not there: no error
    assert bench.of.ask(bench.of.parser.OFPMeterConfigStatsRequest(bench.of.desc, 0, o.OFPM_ALL)) == []


def configuration(bench):
    o, p = bench.of.ofproto, bench.of.parser
    bench.of.do(meter(bench, 5, ("KBPS", "BURST", "STATS"), drop(bench, 1000, 200), drop(bench, 2000, 300)))
    (found,) = bench.of.ask(p.OFPMeterConfigStatsRequest(bench.of.desc, 0, o.OFPM_ALL))
    assert (found.meter_id, found.flags) == (5, o.OFPMF_KBPS | o.OFPMF_BURST | o.OFPMF_STATS)
    assert [(band.type, band.rate, band.burst_size) for band in found.bands] == [(o.OFPMBT_DROP, 1000, 200), (o.OFPMBT_DROP, 2000, 300)]


def counted(bench):
    p = bench.of.parser
    bench.of.do(meter(bench, 1, ("PKTPS", "BURST", "STATS"), drop(bench, 1, 20)), metered(bench))
    n = passes(bench)

    def right():
        (stats,) = bench.of.ask(p.OFPMeterStatsRequest(bench.of.desc, 0, 1))
        return (stats.flow_count, stats.packet_in_count, [band.packet_band_count for band in stats.band_stats]) == (1, N_PACKETS, [N_PACKETS - n])
    wait_until(f"the meter counts {N_PACKETS} packets, its band {N_PACKETS - n}", right, seconds=4)


def features(bench):
    o, p = bench.of.ofproto, bench.of.parser
    (found,) = bench.of.ask(p.OFPMeterFeaturesStatsRequest(bench.of.desc, 0))
    assert found.max_meter > 0 and found.max_bands >= 1 and found.band_types & 1 << o.OFPMBT_DROP
    assert found.capabilities & (o.OFPMF_KBPS | o.OFPMF_PKTPS | o.OFPMF_BURST | o.OFPMF_STATS)


def remark(bench):
    p = bench.of.parser
    bench.of.do(meter(bench, 1, ("PKTPS", "BURST"), p.OFPMeterBandDscpRemark(rate=1, burst_size=1, prec_level=1)), metered(bench, eth_type=0x0800))
    frame = f.tcp(tos=10 << 2)
    bench.send(frame)
    bench.hear(1, 1.0)
    for _ in range(10):
        bench.send(frame)
    came = bench.hear(10, 1.0).get(2, [])
    assert len(came) == 10 and came[-1] == f.tcp(tos=12 << 2), f"{len(came)} came, the last {f.summary(came[-1]) if came else 'none'}"


def meter_before_actions(bench):
    """The meter comes before the actions of its rule, whatever its place in the message [§5.9]."""
    w = Words(bench)
    bench.of.do(meter(bench, 1, ("PKTPS", "BURST"), drop(bench, 1, 5)), bench.flow({}, [w.apply(2, 3), w.meter(1)]))
    frame = f.tcp()
    bench.send(frame)
    bench.hear(2, 1.0)
    for _ in range(N_PACKETS):
        bench.send(frame)
    came = bench.hear(2 * N_PACKETS, 0.3)
    assert len(came.get(2, [])) == len(came.get(3, [])) < N_PACKETS, {port: len(frames) for port, frames in came.items()}


ROWS = (
    ("drop above packets a second", "5.7.1", packets_above),
    ("drop above kilobits a second", "5.7.1", kilobits_above),
    ("below the rate nothing is lost", "5.7.1", below_nothing_is_lost),
    ("a meter fills again", "5.7.1", refills),
    ("rules without the meter are not metered", "5.7", only_metered_rules),
    ("rules of one meter share its rate", "5.7", shared_by_rules),
    ("two bands", "5.7.1", highest_band),
    ("before the actions", "5.9", meter_before_actions),
    ("modified", "7.3.4.4", modified),
    ("deleted: its rules go", "7.3.4.4", deleted_takes_rules),
    ("configuration", "7.3.5.11", configuration),
    ("counters", "7.3.5.10", counted),
    ("features", "7.3.5.12", features),
)


def cases():
    for name, section, run in ROWS:
        yield Case("meter", name, section, run)
    yield Case("meter", "band dscp_remark", "7.3.4.4", remark)
