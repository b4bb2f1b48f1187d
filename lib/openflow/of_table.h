/* Descriptions of tables within messages. Private to this folder. */
#ifndef BUSBAR_OPENFLOW_OF_TABLE_H
#define BUSBAR_OPENFLOW_OF_TABLE_H

#include "lib/openflow/of_message.h"

/* From the length on [OF1.5.1 7.3.5.8]. */
void of_table_desc_put(struct writer *w, const struct of_table_mod *table);
int of_table_desc_decode(struct reader *r, struct of_table_mod *out) MUST_CHECK;

#endif
