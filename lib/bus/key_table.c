/* The known keys, by their public half.
 *
 * Asked for each message that comes in over tcp (so that a key that was taken away ends there and then, whatever connections it has open)
 * and by the thread that lets connections in; changed by the thread that has the mirror. One lock around all: 0.1 us when nobody else holds it.
 * Its size is what administrators put into the table KEY. Never asked on ipc.
 */
#include "lib/bus/key_table.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "lib/base/memory.h"

struct known_key {
    char public_key[KEY_TEXT_SIZE + 1];
    char name[KEY_NAME_MAX + 1];
    enum bus_role role;
    UT_hash_handle hh;
};

struct key_table {
    pthread_mutex_t lock;
    struct known_key *keys;
};

static struct known_key *find(const struct key_table *table, const char *public_key)
{
    struct known_key *key;
    HASH_FIND_STR(table->keys, public_key, key);
    return key;
}

struct key_table *key_table_new(void)
{
    struct key_table *table = memory_zeroed(sizeof *table);
    pthread_mutex_init(&table->lock, NULL);
    return table;
}

void key_table_destroy(struct key_table **table)
{
    struct key_table *t = *table;
    if (t == NULL) {
        return;
    }
    *table = NULL;
    struct known_key *key, *next;
    HASH_ITER(hh, t->keys, key, next)
    {
        HASH_DEL(t->keys, key);
        free(key);
    }
    pthread_mutex_destroy(&t->lock);
    free(t);
}

void key_table_set(struct key_table *table, const char *public_key, const char *name, enum bus_role role)
{
    pthread_mutex_lock(&table->lock);
    struct known_key *key = find(table, public_key);
    if (key == NULL) {
        key = memory_zeroed(sizeof *key);
        snprintf(key->public_key, sizeof key->public_key, "%s", public_key);
        HASH_ADD_STR(table->keys, public_key, key);
    }
    snprintf(key->name, sizeof key->name, "%s", name);
    key->role = role;
    pthread_mutex_unlock(&table->lock);
}

void key_table_remove(struct key_table *table, const char *public_key)
{
    pthread_mutex_lock(&table->lock);
    struct known_key *key = find(table, public_key);
    if (key != NULL) {
        HASH_DEL(table->keys, key);
        free(key);
    }
    pthread_mutex_unlock(&table->lock);
}

enum bus_role key_table_role(struct key_table *table, const char *public_key)
{
    pthread_mutex_lock(&table->lock);
    const struct known_key *key = find(table, public_key);
    enum bus_role role = key != NULL ? key->role : ROLE_NONE;
    pthread_mutex_unlock(&table->lock);
    return role;
}

void key_table_name(struct key_table *table, const char *public_key, char out_name[KEY_NAME_MAX + 1])
{
    pthread_mutex_lock(&table->lock);
    const struct known_key *key = find(table, public_key);
    snprintf(out_name, KEY_NAME_MAX + 1, "%s", key != NULL ? key->name : "");
    pthread_mutex_unlock(&table->lock);
}

size_t key_table_size(struct key_table *table)
{
    pthread_mutex_lock(&table->lock);
    size_t n = HASH_COUNT(table->keys);
    pthread_mutex_unlock(&table->lock);
    return n;
}
