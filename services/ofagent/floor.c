/* The floors of the shards. See floor.h.
 *
 * A handful of shards, so an array and loops. A shard registers first and admits only sessions that have reached the version of that
 * commit; so a shard that registers later than v never forwards as an older version says, and a reader whose mirror
 * has reached v knows every shard it must wait for. That condition (mirror at v) is the caller's to check.
 * The ofagent's one thread. Invariant: within one life of a shard its floor never goes back (I6).
 */
#include "services/ofagent/floor.h"

void floor_init(struct floor *floor)
{
    *floor = (struct floor){0};
}

static struct floor_shard *by_service(struct floor *floor, uint64_t service)
{
    for (size_t i = 0; i < floor->count; i++) {
        if (floor->shards[i].service == service) {
            return &floor->shards[i];
        }
    }
    return NULL;
}

bool floor_join(struct floor *floor, uint64_t service, uint64_t start)
{
    struct floor_shard *shard = by_service(floor, service);

    if (shard == NULL) {
        if (floor->count == FLOOR_SHARDS_MAX) {
            return false;
        }
        shard = &floor->shards[floor->count++];
    } else if (shard->start == start) {
        return true;
    }
    *shard = (struct floor_shard){.service = service, .start = start};
    return true;
}

void floor_leave(struct floor *floor, uint64_t service)
{
    struct floor_shard *shard = by_service(floor, service);

    if (shard != NULL) {
        *shard = floor->shards[--floor->count];
    }
}

struct floor_shard *floor_by_start(struct floor *floor, uint64_t start)
{
    for (size_t i = 0; i < floor->count; i++) {
        if (floor->shards[i].start == start) {
            return &floor->shards[i];
        }
    }
    return NULL;
}

void floor_set(struct floor *floor, uint64_t start, struct version version)
{
    struct floor_shard *shard = floor_by_start(floor, start);

    if (shard != NULL && (!shard->has_floor || version_reached(version, shard->floor))) {
        shard->floor = version;
        shard->has_floor = true;
    }
}

bool floor_reached(const struct floor *floor, struct version version)
{
    for (size_t i = 0; i < floor->count; i++) {
        if (!floor->shards[i].has_floor || !version_reached(floor->shards[i].floor, version)) {
            return false;
        }
    }
    return true;
}

bool floor_counted(const struct floor *floor, struct version version)
{
    for (size_t i = 0; i < floor->count; i++) {
        if (!floor->shards[i].has_reported || !version_reached(floor->shards[i].counted, version)) {
            return false;
        }
    }
    return true;
}

bool floor_all_reported(const struct floor *floor)
{
    for (size_t i = 0; i < floor->count; i++) {
        if (!floor->shards[i].has_reported) {
            return false;
        }
    }
    return true;
}

struct version floor_least(const struct floor *floor)
{
    struct version least = {.epoch = UINT64_MAX, .n = UINT64_MAX};

    for (size_t i = 0; i < floor->count; i++) {
        if (!floor->shards[i].has_floor) {
            return (struct version){0, 0};
        }
        if (floor->shards[i].floor.n < least.n) {
            least = floor->shards[i].floor;
        }
    }
    return floor->count == 0 ? (struct version){0, 0} : least;
}
