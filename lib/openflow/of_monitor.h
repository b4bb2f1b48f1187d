/* Requests to watch rules: their list within a multipart request. Private to this folder. */
#ifndef BUSBAR_OPENFLOW_OF_MONITOR_H
#define BUSBAR_OPENFLOW_OF_MONITOR_H

#include "lib/openflow/of_codec.h"

int of_monitors_decode(struct of_decoding *d, struct of_multipart_request *request) MUST_CHECK;
void of_monitors_encode(struct writer *w, uint8_t version, const struct of_multipart_request *request);

#endif
