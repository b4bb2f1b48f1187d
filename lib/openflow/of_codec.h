/* Inside lib/openflow: what the codecs of single messages share, and their prototypes, made from messages.def.
 *
 * A decoder reads d->body to its end; it may leave the end to of_decode(), which refuses a body that is too short or too long with
 * BAD_REQUEST/BAD_LEN. It fills *out only with values that of_message_fini() can free at any time.
 */
#ifndef BUSBAR_OPENFLOW_OF_CODEC_H
#define BUSBAR_OPENFLOW_OF_CODEC_H

#include "lib/openflow/of_message.h"

struct of_decoding {
    struct reader body; /* behind the header */
    uint8_t version;    /* of the header */
    uint8_t n_tables;
    bool has_table_id; /* 1.0: commands of flow_mods have the table's number in their upper half */
    struct of_error *error;
};

/* Fills *error (which may be NULL) and returns -EPROTO. */
int of_refuse(struct of_error *error, enum of_error_number number, const char *format, ...) PRINTF_LIKE(3, 4);

/* Appends a header without its length; returns where it begins. */
size_t of_begin(struct writer *w, uint8_t version, uint8_t type, uint32_t xid);
/* Writes the length. -ERROR_TOO_LARGE: the message is taken back. */
int of_end(struct writer *w, size_t begin) MUST_CHECK;

/* Messages made of lists of eight-byte units: 0, or BAD_REQUEST/BAD_LEN when what is left to read cannot be one. */
int of_check_units(const struct of_decoding *d) MUST_CHECK;

/* Seconds and nanoseconds, 32 bits each. */
void of_put_duration(struct writer *w, uint64_t duration_ns);
uint64_t of_get_duration(struct reader *r);
/* A text of fixed size that ends with 0; nothing is kept behind the first 0. */
void of_put_text(struct writer *w, const char *text, size_t size);
void of_get_text(struct reader *r, char *out, size_t size);
/* Real or reserved: the switch has 16-bit port numbers, and those reserved end with 32 bits. */
bool of_port_is_possible(uint32_t port);
/* 0, or BAD_ACTION/BAD_OUT_PORT, which is what Open vSwitch answers wherever such a number stands. */
int of_port_check(uint32_t port, const char *what, struct of_error *error) MUST_CHECK;
/* The port has a number that a packet can have come from: a real one, LOCAL, CONTROLLER or none. */
bool of_port_is_ingress(uint32_t port);

/* Ports of 1.0 have 16 bits; the reserved ones are the same numbers with ones before them. */
uint32_t of_port_of_10(uint16_t port);
uint16_t of_port_in_10(uint32_t port);

/* Properties, from 1.4 on (and in features of tables, in 1.3): type(2) length(2) body, zeroes up to a multiple of eight, which the length does
 * not count. of_property_get(): 0, or BAD_PROPERTY/BAD_LEN. */
struct of_property {
    uint16_t type;
    struct reader body; /* behind the length */
};
int of_property_get(struct reader *r, struct of_property *out, struct of_error *error) MUST_CHECK;
size_t of_property_begin(struct writer *w, uint16_t type);
void of_property_end(struct writer *w, size_t begin);
/* The body must have ended: BAD_PROPERTY/BAD_LEN. */
int of_property_finish(const struct of_property *property, struct of_error *error) MUST_CHECK;
/* BAD_PROPERTY/BAD_TYPE or BAD_EXPERIMENTER, whichever fits. */
int of_property_unknown(const struct of_property *property, struct of_error *error) MUST_CHECK;
/* Reads to the end what may be properties, none of which is known: those of experimenters are refused, as Open vSwitch does. */
int of_properties_skip(struct reader *r, struct of_error *error) MUST_CHECK;
/* Six or so bytes that must be zero. */
bool of_get_zeroes(struct reader *r, size_t size);

#define OF_MESSAGE(name, number, in_10, first, last, codec)                                                                    \
    int of_##codec##_decode(struct of_decoding *d, struct of_message *out);                                                    \
    void of_##codec##_encode(const struct of_message *message, struct writer *w);
#include "lib/openflow/messages.def"
#undef OF_MESSAGE

#endif
