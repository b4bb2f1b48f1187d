/* Makes the configuration be a given picture: what rollback, restore and the undoing of an unconfirmed change do.
 *
 * Rows that are still there keep their ids and are updated; rows that are gone come back under new ids, because ids are never used
 * twice, and references among them follow. Works on the overlay of a transaction without other operations.
 */
#ifndef BUSBAR_CONFIGDB_REPLACE_H
#define BUSBAR_CONFIGDB_REPLACE_H

#include "services/configdb/picture.h"
#include "services/configdb/txn.h"

/* keeps_ids: a row of the picture is that of the same id, where there still is one (a picture of this very database); else rows are
 * found by their unique columns alone. The picture's rows are changed (references). Refusals as of any other change, by row and column;
 * txn->note then says which bridges come back without what controllers had put into them. */
int replace_configuration(struct txn *txn, struct rows *rows, struct picture *picture, bool keeps_ids) MUST_CHECK;

#endif
