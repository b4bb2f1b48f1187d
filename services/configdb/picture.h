/* The configuration as a whole at one version: all rows of the disk's tables, in memory.
 *
 * What rollback, restore, diff and history's details work on. A configuration is some thousand rows at most, so it is simply copied.
 * One thread.
 */
#ifndef BUSBAR_CONFIGDB_PICTURE_H
#define BUSBAR_CONFIGDB_PICTURE_H

#include "lib/msg/version.h"
#include "services/configdb/rows.h"

struct picture_row {
    uint32_t table;
    uint64_t id;
    ProtobufCMessage *row; /* owned by the picture */
};

struct picture;
struct picture *picture_new(void);
void picture_destroy(struct picture **picture);

/* Takes the row over; replaces one of the same id. */
void picture_set(struct picture *picture, uint32_t table, uint64_t id, ProtobufCMessage *row);
void picture_remove(struct picture *picture, uint32_t table, uint64_t id);
/* NULL when there is none. */
struct picture_row *picture_get(const struct picture *picture, uint32_t table, uint64_t id);
/* Rows by table and id; index from 0, NULL behind the last. Good until the next picture_set(). */
struct picture_row *picture_at_index(struct picture *picture, size_t index);

/* As the tables are, in the open transaction. */
int picture_now(struct rows *rows, struct picture **out_picture, struct error_detail *detail) MUST_CHECK;
/* As they were at `version` (epoch 0: whichever had that n). -ERROR_NOT_FOUND (no such version, or not kept any longer), -ERROR_DAMAGED (a
 * commit since then cannot be read); the detail names versions. */
int picture_then(struct rows *rows, struct version version, struct picture **out_picture, struct error_detail *detail) MUST_CHECK;

#endif
