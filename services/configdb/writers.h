/* The writers of whom something is held, or is in the group that is being synced: what they send meanwhile must not overtake it. One thread. */
#ifndef BUSBAR_CONFIGDB_WRITERS_H
#define BUSBAR_CONFIGDB_WRITERS_H

#include <stdbool.h>
#include <stdint.h>

enum writers_place {
    WRITERS_FREE,  /* nothing of his is under way */
    WRITERS_GROUP, /* all of it is in the group */
    WRITERS_HELD,  /* not all */
};

struct writers;
struct writers *writers_new(void);
void writers_destroy(struct writers **writers);
/* start: the life of a writer. */
enum writers_place writers_place(const struct writers *writers, uint64_t start);
void writers_note(struct writers *writers, uint64_t start, bool is_held);
void writers_clear(struct writers *writers);

#endif
