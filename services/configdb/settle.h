/* Which versions the newest group of configuration got.
 *
 * A group is written to disk with the versions it would have if nothing else were committed meanwhile: from + 1 to from + count. Rules that are
 * committed while it is being synced take these numbers, and the group gets the next ones when it is published: from `base` + 1. So what the disk holds
 * of the newest group may be too low by base - from, until the next write puts it right (settle_run()); until then settle_version() tells.
 * Groups are known by a serial: several may have the same `from`, as one that changes nothing takes no version.
 */
#ifndef BUSBAR_CONFIGDB_SETTLE_H
#define BUSBAR_CONFIGDB_SETTLE_H

#include "services/configdb/store.h"

/* As it was written, in the same commit. */
struct settle_group {
    uint64_t from, count;
    uint64_t undone; /* the version whose note says it was undone by the last of this group; 0: none */
    uint64_t serial; /* 0: of an older build, or none */
};
/* As it was published. */
struct settle_published {
    uint64_t from, base, serial;
};

/* -ERROR_NOT_FOUND: the disk is right as it is. */
int settle_load(struct store_txn *txn, struct settle_group *out_group) MUST_CHECK;
int settle_store(struct store_txn *txn, const struct settle_group *group) MUST_CHECK;
/* Whether this is the group that was published so. */
bool settle_is_same(const struct settle_group *group, const struct settle_published *published);
/* What was published as it stands in the run environment; -ERROR_NOT_FOUND. */
int settle_load_published(struct store_txn *run, struct settle_published *out_published) MUST_CHECK;
int settle_store_published(struct store_txn *run, const struct settle_published *published) MUST_CHECK;
/* The keys in STORE_RECENT of all replies of the group, one after another, each SETTLE_REPLY_BYTES long; also of those that made no version. */
enum { SETTLE_REPLY_BYTES = 10 };
int settle_store_replies(struct store_txn *txn, const struct settle_group *group, const uint8_t *keys, size_t size) MUST_CHECK;
/* Puts the group right that `txn` (a write of the disk environment) has, if it is the published one. */
int settle_run(struct store_txn *txn, const struct settle_published *published) MUST_CHECK;

/* The version of what the disk holds under the number `kept`, and back: under which number it holds `version`, or the first behind it. */
uint64_t settle_version(struct store_txn *txn, const struct settle_published *published, uint64_t kept);
uint64_t settle_kept(struct store_txn *txn, const struct settle_published *published, uint64_t version);
/* The version that the last of the group undid, and as which version; 0: none. */
uint64_t settle_undone(struct store_txn *txn, const struct settle_published *published, uint64_t *out_by);

#endif
