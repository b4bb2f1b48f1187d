/* What the files of this service share: the agent, its bridges, and who they are connected to. Not for anybody outside.
 *
 *     ofagent ─┬─ bridge ─┬─ flow_table, group_table, meter_table,
 *              │          │  inflight, expiry                               what controllers mean
 *              │          ├─ session ── conn                               who talks to us
 *              │          └─ controller ── (session)                       whom we connect to
 *              ├─ usage (fastpaths): counters, floor
 *              ├─ packet (slowpaths)
 *              └─ cfg (configdb), control server (swctl)
 */
#ifndef BUSBAR_OFAGENT_AGENT_H
#define BUSBAR_OFAGENT_AGENT_H

#include "lib/cfg/cfg.h"
#include "lib/metrics/histogram.h"
#include "lib/msg/control.h"
#include "services/ofagent/counters.h"
#include "services/ofagent/expiry.h"
#include "services/ofagent/floor.h"
#include "services/ofagent/group_table.h"
#include "services/ofagent/inflight.h"
#include "services/ofagent/meter_table.h"
#include "services/ofagent/ofagent.h"

struct session;
struct controller;
struct usage;
struct packet;
struct control_waits;
struct checkpoint;
struct batch;
struct tls;
struct snoop;
struct port_wish;
struct meter_use;

enum bridge_state {
    BRIDGE_UNOWNED,  /* not ours yet, or not any more */
    BRIDGE_CLAIMING, /* the transaction on the owner row is under way */
    BRIDGE_LOADING,  /* ours since `claimed`; the mirror has not come so far, or has not got its rules yet, or they are being read */
    BRIDGE_READY,    /* the tables are those of configdb plus what is in flight */
    BRIDGE_GIVING    /* nobody is served any more; the transaction that names the next owner is under way */
};

/* A rule whose deletion is committed and whose last counts are awaited. */
struct bridge_removal {
    struct flow_entry *entry;
    struct version version;
    uint64_t deadline_ns;
};

struct bridge {
    struct ofagent *agent;
    struct bridge *next;
    uint64_t id;
    char *name;
    bool is_gone; /* its row has been deleted */

    enum bridge_state state;
    bool must_reload;
    bool is_followed; /* its rules are in the mirror, or on their way there; follow.c */
    struct inflight_owner owner;
    struct version claimed;
    uint64_t snapshots_wanted; /* LOADING ends when the mirror has taken that many, */
    uint64_t load_by_ns;       /* or then, as nobody may be kept waiting for counts */
    uint64_t claim_again_ns;
    bool is_served;          /* sessions, listeners and status rows are ours: from the first READY until it is known to be another's */
    uint64_t owner_start;    /* of the ofagent that has it and lives, by the mirror; 0: nobody. Set by share.c, like the next three */
    uint32_t former_instance; /* of the last other ofagent that had it and lived; 0: none that we saw */
    struct batch *batch;     /* of checkpoint.c, while it makes one */
    uint64_t claimant;       /* without an owner: to whom it falls (start number) */
    uint64_t free_since_ns;  /* without an owner: since when */
    uint64_t untaken_epoch;    /* with which it was given to its owner, who has not claimed it yet; 0: he has */
    uint64_t untaken_since_ns; /* when we saw that first */
    uint64_t successor;      /* it is to be given to this ofagent (start number) as soon as nothing is under way; 0: it stays */
    uint64_t give_until_ns;  /* otherwise it stays for now, */
    uint64_t stay_until_ns;  /* and at least until then */
    uint64_t given_epoch;    /* with which we gave it away; 0: never. Whoever takes it raises it */
    struct version given;    /* by this commit; nothing is claimed before the mirror shows it */

    struct flow_table *flows;
    struct flow_table *loading;  /* what `flows` will be when every rule of the mirror has been looked at; NULL: nothing is loaded. See owner.c */
    bool is_in_pass;             /* the pass over the mirror that runs began with this bridge waiting */
    bool is_loaded_for_claim;    /* the bridge is READY when it is done */
    struct flow_table *old;      /* taken out of service, freed bit by bit; NULL: none */
    struct group_table *groups;
    struct meter_table *meters;
    struct inflight *inflight;
    struct expiry expiry;
    struct version behind_version;   /* a commit that not every shard follows yet, */
    uint64_t behind_total;           /* and how many changes were committed by then */
    uint64_t followed_total;         /* changes that every shard follows */
    struct bridge_removal *removals; /* in the order of their commits */
    size_t n_removals, room_removals;
    uint64_t group_row_max; /* of the groups there have been: what is counted for a greater one is of a group whose insertion we do not know yet */
    uint64_t meter_row_max; /* the same of meters */
    uint64_t matched_before[TABLE_COUNT]; /* packets of rules that are no more, so that "matched" never goes back */

    int listener; /* -1: none */
    char *listener_path;
    uint64_t listen_again_ns, accept_again_ns;
    int listen_error; /* why there is no listener; 0: there is, or it was not tried yet */
    struct snoop *snoop; /* who looks at what the controllers say */
    struct session *sessions;
    size_t n_sessions;
    uint64_t n_unread; /* sessions closed because their peer did not read */
    struct controller *controllers;
    bool has_generation; /* [OF1.3.5 §6.3.4] */
    uint64_t generation_id;
    uint64_t without_controller_ns; /* since when none is connected */
    bool is_fail_open;        /* also in the owner row, with which the next owner begins */
    bool tells_misses;        /* a session of OpenFlow 1.0 wants what no rule matches, or did until a moment ago; also in the owner row, for the slowpath */
    uint64_t misses_until_ns; /* when none has for so long */
    bool is_noting;           /* the two are being written there */
    struct bridge_table { /* what table_mods of 1.4 and later set, kept in the owner row; and the limits of configdb's table FLOW_TABLE */
        uint32_t config;  /* enum of_table_config */
        uint8_t vacancy_down, vacancy_up;
        size_t flow_limit; /* FLOW_TABLE_RULES_MAX: none of its own */
        bool evicts;       /* overflow_policy */
        struct evict_fields *groups; /* owned; NULL: none */
        bool is_scarce; /* the last word said was that places are few */
    } tables[TABLE_COUNT];
    bool has_vacancy_events; /* of any table */
    uint16_t fragments;      /* enum of_frag_mode; in the owner row, too */
};

/* Who shares the bridges with us; share.c. */
struct share {
    bool must_look;            /* owners, ofagents or bridges have changed in the mirror */
    uint64_t looked_ns;
    uint64_t peers;            /* a sum over the start numbers of the ofagents that live */
    uint64_t peers_changed_ns; /* when that changed */
    uint64_t give_ns;          /* no bridge is given away before */
    size_t n_peers;            /* ofagents that live, we included */
    uint64_t shared_ns;        /* when another lived last */
};

/* What poll() said of a descriptor. */
struct agent_polled {
    uint32_t poll; /* the number of that call */
    short asked, said;
};

/* What sessions did, those that are gone too. */
struct agent_counts {
    uint64_t flow_mods, group_mods, meter_mods, barriers;
    uint64_t errors;
    uint64_t packet_ins, packet_ins_dropped; /* sent to a session; not sent, as its peer does not read */
    uint64_t packet_ins_held[2], packet_ins_limited[2]; /* by rules, of misses: held back by the controller's limit; and of these dropped */
};

struct ofagent {
    struct ofagent_settings settings;
    struct cfg *cfg;
    struct control_server *control;
    struct bridge *bridges;
    struct counters *rule_counters; /* by counter id: packets, bytes; of rules, tables, groups and buckets */
    struct meter_use *meter_uses;   /* by the meter's row, see meter_mod.c; owned */
    struct counters *port_counters; /* by port id: the eight of PortUsage */
    struct floor floor;
    struct usage *usage;
    struct packet *packet;
    struct control_waits *waits;
    struct checkpoint *checkpoint;
    struct tls *tls; /* of all bridges */
    struct port_wish *port_wishes; /* port_mods that the mirror does not show yet, see on_port.c; owned */
    uint64_t now_ns; /* of the step that runs */
    uint64_t wall_ns;
    uint64_t started_ns; /* of the first step */
    uint64_t heard_ns;   /* since when we have missed nothing that shards say */
    uint64_t shard_ended_ns; /* when the life of a shard was last seen to end; what it had counted may have reached others only */
    uint64_t counters_ns;    /* when the mirror's rows of counters were last read: deltas do not carry them */
    uint64_t n_snapshots;
    bool has_asked_snapshot;
    uint64_t asked_snapshot_ns; /* when */
    uint64_t group_row_max; /* that the mirror has ever shown */
    uint64_t n_sessions_ever;
    struct agent_counts counts;
    struct histogram barriers; /* from the request to the reply */
    size_t bundle_bytes;       /* of messages that all sessions keep in bundles, */
    size_t bundle_ready_bytes; /* and of what has been made of them ahead */
    struct version seen, applied; /* of the mirror; as we have acknowledged it */
    struct version window_from;   /* configdb counts what is unacknowledged from here: the last snapshot, or `applied` */
    uint64_t owed_ns;             /* since when there is something to acknowledge */
    bool awaits_floor;            /* somebody waited for the shards in this step */
    bool awaited_floor;           /* and at the last poll(), so that their sockets were polled */
    bool is_ending;               /* nothing new is begun */
    bool must_follow;             /* bridges or controllers have changed in the mirror */
    bool must_look;               /* something else than rules has changed since all bridges were looked at, */
    uint64_t looked_ns;           /* which was then */
    struct share share;
    size_t n_followed;            /* bridges whose rules we mirror */
    uint64_t load_cursor;         /* of the pass over the mirror's rules; 0: none runs */
    size_t load_rows, load_left;  /* rows looked at in one step: OWNER_LOAD_ROWS, fewer in tests; what is left of them */
    bool has_mirror;              /* the mirror has been complete */
    bool is_loaded;               /* and the counters of configdb have been read */
    bool has_joined;              /* our service row is on its way or there */
    struct pollfd *fds;
    size_t n_fds, room_fds;
    struct agent_polled *polled; /* by descriptor */
    size_t room_polled;
    uint32_t n_polls;
    bool has_polled; /* the last poll() was behind the last step */
};

/* May this descriptor have something of these events? False only when poll() has just said no: looking in vain at all of them cost more than a rule. */
bool agent_may_have(const struct ofagent *agent, int fd, short events);

#endif
