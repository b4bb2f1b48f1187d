/* Nicira's two forms of packet_in. Private to this folder. */
#ifndef BUSBAR_OPENFLOW_OF_PACKET_NICIRA_H
#define BUSBAR_OPENFLOW_OF_PACKET_NICIRA_H

#include "lib/openflow/of_codec.h"

int of_packet_in_nicira_decode(struct of_decoding *d, struct of_message *out) MUST_CHECK;
void of_packet_in_nicira_encode(const struct of_message *message, struct writer *w);

#endif
