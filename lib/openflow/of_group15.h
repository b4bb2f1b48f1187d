/* Buckets and properties of groups as OpenFlow 1.5 writes them. Private to this folder. */
#ifndef BUSBAR_OPENFLOW_OF_GROUP15_H
#define BUSBAR_OPENFLOW_OF_GROUP15_H

#include "lib/openflow/of_message.h"

/* One bucket; the caller finishes *bucket's actions in any case. */
int of_group15_get_bucket(struct reader *r, uint8_t version, enum group_type type, struct bucket *bucket, struct of_error *error) MUST_CHECK;
void of_group15_put_bucket(struct writer *w, uint8_t version, enum group_type type, const struct bucket *bucket);
/* To the end of `r`: how a select group chooses. */
int of_group15_get_properties(struct reader *r, struct group *group, struct of_error *error) MUST_CHECK;
void of_group15_put_properties(struct writer *w, const struct group *group);

#endif
