/* Whose keys are known and what role each has: a process's copy of configdb's table KEY, shared by the threads that ask.
 *
 * Keys are given by their public half in Z85, 40 characters.
 */
#ifndef BUSBAR_BUS_KEY_TABLE_H
#define BUSBAR_BUS_KEY_TABLE_H

#include "lib/bus/bus.h"
#include "lib/bus/key_file.h"

struct key_table;
struct key_table *key_table_new(void);
void key_table_destroy(struct key_table **table);
/* Replaces what was known of this key. */
void key_table_set(struct key_table *table, const char *public_key, const char *name, enum bus_role role);
void key_table_remove(struct key_table *table, const char *public_key);
/* ROLE_NONE: not known (any more). */
enum bus_role key_table_role(struct key_table *table, const char *public_key);
/* Its name, "" when it is not known. */
void key_table_name(struct key_table *table, const char *public_key, char out_name[KEY_NAME_MAX + 1]);
size_t key_table_size(struct key_table *table);

#endif
