/* Descriptions of ports within messages, in every version's layout. Private to this folder. */
#ifndef BUSBAR_OPENFLOW_OF_PORT_H
#define BUSBAR_OPENFLOW_OF_PORT_H

#include "lib/openflow/of_message.h"

void of_port_put(struct writer *w, uint8_t version, const struct of_port *port);
/* -ERROR_TRUNCATED when it ends too early or its length is wrong. */
int of_port_get(struct reader *r, uint8_t version, struct of_port *out) MUST_CHECK;

#endif
