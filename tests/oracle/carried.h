/* A packet as the naive twin of the pipeline carries it: a key and a stack of tags, one of labels; copying it is an assignment. */
#ifndef BUSBAR_TESTS_ORACLE_CARRIED_H
#define BUSBAR_TESTS_ORACLE_CARRIED_H

#include "services/slowpath/walk.h"
#include "tests/oracle/pipeline.h"

struct packet {
    struct flow_state state; /* without tags: these are in `tags` */
    uint16_t tags[ORACLE_TAGS_MAX];
    uint16_t tpids[ORACLE_TAGS_MAX];
    size_t n_tags;
    uint32_t labels[ORACLE_LABELS_MAX];
    size_t n_labels;
    struct field_value stack[WALK_STACK_MAX];
    size_t n_stack;
    uint32_t max_len; /* of the next output */
    bool has_copied_in; /* copy_ttl_in of the bottom label: */
    uint8_t copied_in;  /* the TTL of the IP header that comes out */
    struct flow_key inner; /* what the labels cover, as far as it was seen */
};

void show_tags(struct packet *packet);
void read_tags(struct packet *packet);
void push_tag(struct packet *packet, uint16_t tpid, uint16_t tci);
void pop_tag(struct packet *packet);
bool is_mpls(const struct packet *packet);
void show_labels(struct packet *packet);
void read_labels(struct packet *packet);
void show_inner(struct packet *packet, const struct flow_key *from);
void push_label(struct packet *packet, uint16_t type);
void pop_label(struct packet *packet, uint16_t type);
void set_label_ttl(struct packet *packet, size_t i, uint32_t ttl);
void copy_ttl(struct packet *packet, bool is_out);
void send_to(struct oracle_events *out, const struct packet *packet, uint32_t port);

#endif
