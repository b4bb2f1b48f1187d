/* bench_classifier SHAPE N SEED MILLISECONDS [RULES PACKETS]: the slowpath's classifier alone, in one thread, in memory.
 *
 * Makes N rules of one shape and a trace of packets, each a random point of a random rule, and says as one line of JSON how many look-ups (with
 * the mask of bits looked at) and updates (a random rule out, or in again) a second the classifier does, what its naive twin does where that
 * ends in reasonable time, and how many megaflows and masks the trace makes. With RULES and PACKETS it writes the same rules as
 * text and the same packets as a capture, for another switch, and measures nothing.
 *
 * Shapes, as the seeds of ClassBench differ (its code and files are not used): `acl` has destinations of many lengths, mostly hosts, sources of many
 * lengths and a destination port in most rules; `fw` leaves out sources in half of the rules, has many ports and ranges on both sides; `ipc` has both
 * addresses at every length and all mixtures of ports. A range of ports is its largest block that a mask can say. Rules that
 * cover more come later in the order, but for noise; a priority has 16 bits, so large sets have several rules of one priority.
 */
#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/memory.h"
#include "lib/base/random.h"
#include "tests/oracle/classifier.h"

enum { PACKETS = 1 << 17, NETWORKS_MIN = 16, TRIES_MAX = 1000, KINDS_MAX = 400, ORACLE_RULES_MAX = 10000, PRIORITIES = 65000, SPECIFICITY_NOISE = 24 };

struct five {
    uint32_t source, destination; /* host order */
    uint16_t source_port, destination_port;
    uint8_t protocol;
};

struct made_rule {
    struct five value, mask;
    int order;
    struct classifier_rule node;
    struct match match;
};

/* The bits that a rule of one kind matches. */
struct kind {
    unsigned source, destination, source_port, destination_port, protocol;
};

struct set {
    struct random random;
    struct kind kinds[KINDS_MAX];
    double weights[KINDS_MAX]; /* summed up to each */
    const struct shape *shape;
    struct made_rule *rules;
    size_t n;
    uint32_t *networks; /* of 16 bits; addresses are below some of them */
    size_t n_networks;
    uint64_t *seen; /* hashes of matches there are; open addressing, 0 is free */
    size_t seen_room;
};

struct weighted {
    unsigned value, weight;
};

#define LIST_MAX 24

struct shape {
    const char *name;
    size_t n_kinds; /* combinations of lengths that its rules have; the k-th is 1/k^0.9 as frequent as the first */
    struct weighted source[LIST_MAX], destination[LIST_MAX];           /* lengths of prefixes; ends at weight 0 */
    struct weighted source_port[LIST_MAX], destination_port[LIST_MAX]; /* bits of a port that are matched */
    struct weighted protocol[LIST_MAX];                                /* 0: any */
};

static const struct shape shapes[] = {
    {.name = "acl",
     .n_kinds = 180,
     .source = {{0, 6}, {8, 1}, {10, 1}, {12, 1}, {14, 2}, {16, 8}, {18, 2}, {19, 2}, {20, 5}, {21, 4}, {22, 5}, {23, 7}, {24, 16},
                {25, 4}, {26, 5}, {27, 6}, {28, 6}, {29, 3}, {30, 3}, {32, 22}},
     .destination = {{16, 1}, {20, 1}, {21, 1}, {22, 1}, {23, 2}, {24, 12}, {25, 2}, {26, 3}, {27, 4}, {28, 5}, {29, 3}, {30, 5}, {31, 2}, {32, 60}},
     .source_port = {{0, 1}},
     .destination_port = {{0, 20}, {16, 70}, {12, 2}, {10, 2}, {6, 2}, {1, 4}},
     .protocol = {{0, 8}, {6, 75}, {17, 14}}},
    {.name = "fw",
     .n_kinds = 145,
     .source = {{0, 50}, {8, 1}, {16, 6}, {20, 2}, {22, 2}, {24, 12}, {26, 2}, {27, 2}, {28, 3}, {32, 22}},
     .destination = {{0, 12}, {8, 1}, {16, 4}, {20, 2}, {22, 3}, {24, 14}, {26, 2}, {27, 3}, {28, 4}, {30, 2}, {32, 55}},
     .source_port = {{0, 60}, {16, 22}, {6, 6}, {1, 6}, {12, 4}},
     .destination_port = {{0, 22}, {16, 55}, {6, 8}, {1, 6}, {12, 5}, {10, 4}},
     .protocol = {{0, 12}, {6, 60}, {17, 28}}},
    {.name = "ipc",
     .n_kinds = 350,
     .source = {{0, 10}, {8, 2}, {12, 2}, {14, 2}, {16, 8}, {18, 3}, {20, 4}, {21, 3}, {22, 4}, {23, 4}, {24, 14}, {25, 3}, {26, 4},
                {27, 4}, {28, 5}, {29, 3}, {30, 4}, {32, 28}},
     .destination = {{0, 8}, {8, 2}, {12, 2}, {14, 2}, {16, 8}, {18, 3}, {20, 4}, {21, 3}, {22, 4}, {23, 4}, {24, 14}, {25, 3}, {26, 4},
                {27, 4}, {28, 5}, {29, 3}, {30, 4}, {32, 30}},
     .source_port = {{0, 72}, {16, 20}, {6, 4}, {12, 4}},
     .destination_port = {{0, 50}, {16, 42}, {6, 4}, {12, 4}},
     .protocol = {{0, 20}, {6, 50}, {17, 30}}},
};

/* Of this thread on a processor. */
static double seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fail(const char *text)
{
    (void)fprintf(stderr, "bench_classifier: %s\n", text);
    exit(1);
}

/* ---- rules ---- */

static unsigned pick(struct random *r, const struct weighted *list)
{
    unsigned sum = 0;
    for (size_t i = 0; i < LIST_MAX && list[i].weight > 0; i++) {
        sum += list[i].weight;
    }
    uint64_t at = random_below(r, sum);
    size_t i = 0;
    while (at >= list[i].weight) {
        at -= list[i++].weight;
    }
    return list[i].value;
}

static uint32_t prefix_mask(unsigned length)
{
    return length == 0 ? 0 : UINT32_MAX << (32 - length);
}

static uint32_t random_address(struct set *set)
{
    /* Some networks are busier than others. */
    uint64_t a = random_below(&set->random, set->n_networks), b = random_below(&set->random, set->n_networks);
    return set->networks[a < b ? a : b] | (uint32_t)random_below(&set->random, 1 << 16);
}

static uint16_t random_port(struct random *r)
{
    static const uint16_t known[] = {20, 21, 22, 25, 53, 80, 110, 123, 143, 161, 389, 443, 445, 993, 1433, 1521, 1723, 3306, 3389, 5060, 5432, 8080};
    return random_below(r, 3) > 0 ? known[random_below(r, sizeof known / sizeof known[0])] : (uint16_t)(1024 + random_below(r, 4000));
}

static void state_of(const struct five *five, const struct five *mask, struct flow_state *out)
{
    memset(out, 0, sizeof *out);
    uint32_t source = htonl(five->source), destination = htonl(five->destination);
    memcpy(out->key.ip_src, &source, 4);
    memcpy(out->key.ip_dst, &destination, 4);
    out->key.l4_src = be16(five->source_port);
    out->key.l4_dst = be16(five->destination_port);
    out->key.ip_proto = five->protocol;
    out->key.eth_type = be16(mask == NULL ? 0x0800 : 0xffff);
}

/* True when the match is new. */
static bool note(struct set *set, uint64_t hash)
{
    size_t i = hash & (set->seen_room - 1);
    while (set->seen[i] != 0 && set->seen[i] != hash) {
        i = (i + 1) & (set->seen_room - 1);
    }
    bool is_new = set->seen[i] == 0;
    set->seen[i] = hash;
    return is_new;
}

static uint64_t hash_of(const struct five *value, const struct five *mask)
{
    const uint64_t words[] = {(uint64_t)value->source << 32 | value->destination, (uint64_t)mask->source << 32 | mask->destination,
                              (uint64_t)value->source_port << 48 | (uint64_t)value->destination_port << 32 |
                                  (uint64_t)mask->source_port << 16 | mask->destination_port,
                              (uint64_t)value->protocol << 8 | mask->protocol};
    uint64_t hash = 1;
    for (size_t i = 0; i < 4; i++) {
        hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15ull;
        hash ^= hash >> 29;
    }
    return hash + (hash == 0);
}

static bool kind_is_there(const struct set *set, size_t n, const struct kind *kind)
{
    size_t i = 0;
    while (i < n && memcmp(&set->kinds[i], kind, sizeof *kind) != 0) {
        i++;
    }
    return i < n;
}

static void make_kinds(struct set *set)
{
    struct random *r = &set->random;
    const struct shape *shape = set->shape;
    double sum = 0;
    for (size_t i = 0; i < shape->n_kinds; i++) {
        struct kind *kind = &set->kinds[i];
        do {
            *kind = (struct kind){pick(r, shape->source), pick(r, shape->destination), pick(r, shape->source_port),
                                  pick(r, shape->destination_port), pick(r, shape->protocol)};
            if (kind->protocol == 0) {
                kind->source_port = kind->destination_port = 0; /* ports need a protocol */
            }
        } while (kind_is_there(set, i, kind));
        sum += pow((double)(i + 1), -0.9);
        set->weights[i] = sum;
    }
}

static const struct kind *random_kind(struct set *set)
{
    double at = (double)random_below(&set->random, 1u << 30) / (1u << 30) * set->weights[set->shape->n_kinds - 1];
    size_t i = 0;
    while (set->weights[i] < at) {
        i++;
    }
    return &set->kinds[i];
}

static void make_rule(struct set *set, struct made_rule *rule)
{
    struct random *r = &set->random;
    for (unsigned tries = 0;; tries++) {
        if (tries == TRIES_MAX) {
            fail("there are not so many rules of this shape");
        }
        const struct kind *kind = random_kind(set);
        rule->mask =
            (struct five){prefix_mask(kind->source), prefix_mask(kind->destination), (uint16_t)(prefix_mask(kind->source_port) >> 16),
                          (uint16_t)(prefix_mask(kind->destination_port) >> 16), kind->protocol == 0 ? 0 : 0xff};
        rule->value = (struct five){random_address(set) & rule->mask.source, random_address(set) & rule->mask.destination,
                                    random_port(r) & rule->mask.source_port, random_port(r) & rule->mask.destination_port,
                                    (uint8_t)kind->protocol};
        rule->order = (int)(kind->source + kind->destination + kind->source_port + kind->destination_port + (rule->mask.protocol & 8)) +
                      (int)random_below(r, SPECIFICITY_NOISE);
        if (note(set, hash_of(&rule->value, &rule->mask))) {
            return;
        }
    }
}

static int compare_order(const void *a, const void *b)
{
    int x = ((const struct made_rule *)a)->order, y = ((const struct made_rule *)b)->order;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void make_set(struct set *set, const char *shape, size_t n, uint64_t seed)
{
    *set = (struct set){.n = n};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        if (strcmp(shapes[i].name, shape) == 0) {
            set->shape = &shapes[i];
        }
    }
    if (set->shape == NULL || n == 0) {
        fail("a shape is acl, fw or ipc, and there is at least one rule");
    }
    random_seed(&set->random, seed);
    set->n_networks = NETWORKS_MIN + n / 64;
    set->networks = memory_array(set->n_networks, sizeof *set->networks);
    for (size_t i = 0; i < set->n_networks; i++) {
        set->networks[i] = (uint32_t)(1 + random_below(&set->random, 222)) << 24 | (uint32_t)random_below(&set->random, 256) << 16;
    }
    for (set->seen_room = 16; set->seen_room < n * 2; set->seen_room *= 2) {
    }
    set->seen = memory_array(set->seen_room, sizeof *set->seen);
    set->rules = memory_array(n, sizeof *set->rules);
    make_kinds(set);
    for (size_t i = 0; i < n; i++) {
        make_rule(set, &set->rules[i]);
    }
    qsort(set->rules, n, sizeof *set->rules, compare_order);
    for (size_t i = 0; i < n; i++) {
        struct made_rule *rule = &set->rules[i];
        state_of(&rule->value, NULL, &rule->match.value);
        state_of(&rule->mask, &rule->mask, &rule->match.mask);
        rule->node = (struct classifier_rule){.match = &rule->match, .id = i + 1, .priority = (int32_t)(PRIORITIES - i * PRIORITIES / n)};
    }
}

static struct five *make_trace(struct set *set)
{
    struct five *packets = memory_array(PACKETS, sizeof *packets);
    struct random *r = &set->random;
    for (size_t i = 0; i < PACKETS; i++) {
        const struct made_rule *rule = &set->rules[random_below(r, set->n)];
        uint64_t any = random_u64(r), ports = random_u64(r);
        packets[i] = (struct five){rule->value.source | ((uint32_t)any & ~rule->mask.source),
                                   rule->value.destination | ((uint32_t)(any >> 32) & ~rule->mask.destination),
                                   (uint16_t)(rule->value.source_port | ((uint16_t)ports & ~rule->mask.source_port)),
                                   (uint16_t)(rule->value.destination_port | ((uint16_t)(ports >> 16) & ~rule->mask.destination_port)),
                                   rule->mask.protocol ? rule->value.protocol : ports >> 32 & 1 ? 6 : 17};
    }
    return packets;
}

/* ---- measuring ---- */

static double lookups_a_second(const struct classifier *classifier, const struct five *packets, double seconds)
{
    uint64_t found = 0;
    size_t n = 0;
    double begun = seconds_now(), now = begun;
    while (now - begun < seconds) {
        for (size_t i = 0; i < 256; i++, n++) {
            struct flow_state packet, looked = {0};
            state_of(&packets[n % PACKETS], NULL, &packet);
            found += classifier_lookup(classifier, &packet, &looked) != NULL;
        }
        now = seconds_now();
    }
    if (found == 0) {
        fail("no packet met a rule");
    }
    return (double)n / (now - begun);
}

static double naive_lookups_a_second(const struct set *set, const struct classifier *classifier, const struct five *packets,
                                     double seconds)
{
    struct classifier_rule **rules = memory_array(set->n, sizeof(struct classifier_rule *));
    for (size_t i = 0; i < set->n; i++) {
        rules[i] = &set->rules[i].node;
    }
    size_t n = 0;
    double begun = seconds_now(), now = begun, spent = 0;
    while (now - begun < seconds) {
        struct flow_state packet, looked = {0};
        state_of(&packets[n++ % PACKETS], NULL, &packet);
        double before = seconds_now();
        const struct classifier_rule *found = oracle_classify(rules, set->n, &packet);
        now = seconds_now();
        spent += now - before;
        if (found != classifier_lookup(classifier, &packet, &looked)) {
            fail("the classifier and its naive twin do not agree");
        }
    }
    free(rules);
    return (double)n / spent;
}

static double updates_a_second(struct set *set, struct classifier *classifier, double seconds)
{
    size_t n = 0;
    double begun = seconds_now(), now = begun;
    size_t out[256], n_out = 0;
    while (now - begun < seconds) {
        for (size_t i = 0; i < 256; i++) { /* rules go in the order of chance, and come back later in another */
            struct made_rule *rule = &set->rules[random_below(&set->random, set->n)];
            if (rule->node.tuple != NULL && classifier_count(classifier) > set->n / 2) {
                classifier_remove(classifier, &rule->node);
                out[n_out++] = (size_t)(rule - set->rules);
                n++;
            }
        }
        while (n_out > 0) {
            classifier_insert(classifier, &set->rules[out[--n_out]].node);
            n++;
        }
        now = seconds_now();
    }
    return (double)n / (now - begun);
}

static void mask_words(const struct flow_state *packet, const struct flow_state *looked, uint64_t *out_flow, uint64_t *out_mask)
{
    uint64_t flow = 1, mask = 1;
    for (size_t i = 0; i < STATE_WORDS; i++) {
        mask = (mask ^ state_word(looked, i)) * 0x9e3779b97f4a7c15ull;
        mask ^= mask >> 31;
        flow = (flow ^ (state_word(packet, i) & state_word(looked, i))) * 0xd6e8feb86659fd93ull;
        flow ^= flow >> 31;
    }
    *out_flow = (flow ^ mask) + ((flow ^ mask) == 0);
    *out_mask = mask + (mask == 0);
}

/* What the trace would leave in a shard's tables: megaflows and different masks; and bits looked at on average. */
static void measure_masks(struct set *set, const struct classifier *classifier, const struct five *packets, size_t *out_flows, size_t *out_masks,
                          double *out_bits)
{
    struct set flows = {.seen_room = PACKETS * 2}, masks = {.seen_room = PACKETS * 2};
    flows.seen = memory_array(flows.seen_room, sizeof *flows.seen);
    masks.seen = memory_array(masks.seen_room, sizeof *masks.seen);
    *out_flows = *out_masks = 0;
    uint64_t bits = 0;
    for (size_t i = 0; i < PACKETS; i++) {
        struct flow_state packet, looked = {0};
        uint64_t flow, mask;
        state_of(&packets[i], NULL, &packet);
        (void)classifier_lookup(classifier, &packet, &looked);
        mask_words(&packet, &looked, &flow, &mask);
        *out_flows += note(&flows, flow);
        *out_masks += note(&masks, mask);
        for (size_t w = 0; w < STATE_WORDS; w++) {
            bits += (unsigned)__builtin_popcountll(state_word(&looked, w));
        }
    }
    *out_bits = (double)bits / PACKETS;
    free(flows.seen);
    free(masks.seen);
}

/* ---- for another switch ---- */

static void write_address(FILE *file, const char *name, uint32_t value, uint32_t mask)
{
    if (mask != 0) {
        (void)fprintf(file, ",%s=%u.%u.%u.%u/%d", name, value >> 24, value >> 16 & 255, value >> 8 & 255, value & 255,
                      __builtin_popcount(mask));
    }
}

static void write_rules(const struct set *set, const char *path)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        fail("cannot write the rules");
    }
    for (size_t i = 0; i < set->n; i++) {
        const struct made_rule *rule = &set->rules[i];
        (void)fprintf(file, "priority=%d,%s", rule->node.priority,
                      !rule->mask.protocol ? "ip" : rule->value.protocol == 6 ? "tcp" : "udp");
        write_address(file, "nw_src", rule->value.source, rule->mask.source);
        write_address(file, "nw_dst", rule->value.destination, rule->mask.destination);
        if (rule->mask.source_port != 0) {
            (void)fprintf(file, ",tp_src=0x%x/0x%x", rule->value.source_port, rule->mask.source_port);
        }
        if (rule->mask.destination_port != 0) {
            (void)fprintf(file, ",tp_dst=0x%x/0x%x", rule->value.destination_port, rule->mask.destination_port);
        }
        (void)fprintf(file, ",actions=output:1\n");
    }
    if (fclose(file) != 0) {
        fail("cannot write the rules");
    }
}

static void write_packets(const struct five *packets, size_t n, const char *path)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        fail("cannot write the packets");
    }
    const uint32_t head[] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1}, length = 60;
    (void)fwrite(head, sizeof head, 1, file);
    for (size_t i = 0; i < n; i++) {
        const uint32_t record[] = {0, 0, length, length};
        uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, packets[i].protocol};
        uint32_t addresses[] = {htonl(packets[i].source), htonl(packets[i].destination)};
        uint16_t ports[] = {htons(packets[i].source_port), htons(packets[i].destination_port)};
        memcpy(frame + 26, addresses, 8);
        memcpy(frame + 34, ports, 4);
        if (packets[i].protocol == 6) {
            frame[46] = 0x50; /* its header has 20 bytes */
        } else {
            frame[39] = 26;
        }
        uint32_t sum = 0;
        for (size_t k = 14; k < 34; k += 2) {
            sum += (uint32_t)frame[k] << 8 | frame[k + 1];
        }
        sum = (sum & 0xffff) + (sum >> 16);
        uint16_t check = htons((uint16_t) ~(sum + (sum >> 16)));
        memcpy(frame + 24, &check, 2);
        (void)fwrite(record, sizeof record, 1, file);
        (void)fwrite(frame, sizeof frame, 1, file);
    }
    if (fclose(file) != 0) {
        fail("cannot write the packets");
    }
}

int main(int argc, char **argv)
{
    if (argc != 5 && argc != 7) {
        fail("arguments: SHAPE N SEED MILLISECONDS [RULES PACKETS]");
    }
    struct set set;
    make_set(&set, argv[1], strtoul(argv[2], NULL, 10), strtoull(argv[3], NULL, 0));
    double seconds = strtod(argv[4], NULL) / 1000;
    struct five *packets = make_trace(&set);
    if (argc == 7) {
        write_rules(&set, argv[5]);
        write_packets(packets, PACKETS / 2, argv[6]);
    } else {
        struct classifier *classifier = classifier_new();
        double before = seconds_now();
        for (size_t i = 0; i < set.n; i++) {
            classifier_insert(classifier, &set.rules[i].node);
        }
        double inserts = (double)set.n / (seconds_now() - before);
        double naive = set.n <= ORACLE_RULES_MAX ? naive_lookups_a_second(&set, classifier, packets, seconds / 4) : 0;
        double lookups = lookups_a_second(classifier, packets, seconds), bits;
        size_t n_flows, n_masks;
        measure_masks(&set, classifier, packets, &n_flows, &n_masks, &bits);
        double updates = updates_a_second(&set, classifier, seconds / 2);
        printf("{\"shape\": \"%s\", \"rules\": %zu, \"tuples\": %zu, \"lookups\": %.0f, \"naive\": %.0f, \"inserts\": %.0f, \"updates\": %.0f, "
               "\"packets\": %d, \"flows\": %zu, \"masks\": %zu, \"bits\": %.1f}\n",
               set.shape->name, set.n, classifier_count_tuples(classifier), lookups, naive, inserts, updates, PACKETS, n_flows, n_masks, bits);
        classifier_destroy(&classifier);
    }
    free(packets);
    free(set.rules);
    free(set.networks);
    free(set.seen);
    return 0;
}
