/* Frames: no read outside, and the same key and offsets as the naive twin.
 *
 * The input is the frame, nothing else, so that captured frames are a corpus as they are. It is looked at as it is and, because a fuzzer hardly
 * ever makes long inputs, once more with zeroes behind it up to as many bytes as its last two say: frames of 0 to 65,535 bytes.
 * The short way for usual packets is asked by itself too: when it takes a frame, its answer is the twin's, over whatever was in the key before.
 */
#include <stdlib.h>

#include "lib/flow/parse.h"
#include "lib/flow/parse_common.h"
#include "tests/oracle/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool are_same(const struct flow_key *key, const struct parse_result *result, const struct flow_key *twin_key,
                     const struct parse_result *twin_result)
{
    return memcmp(key, twin_key, sizeof *key) == 0 && memcmp(result, twin_result, sizeof *result) == 0;
}

/* The frame is `size` bytes, the first of them `data`, zeroes behind; its own end is the end of the memory. */
static bool agrees(const uint8_t *data, size_t n_data, size_t size)
{
    struct flow_key key, common_key, twin_key;
    struct parse_result result, common_result, twin_result;
    uint8_t *exact = calloc(1, size != 0 ? size : 1);

    if (exact == NULL) {
        return true;
    }
    if (n_data != 0) {
        memcpy(exact, data, n_data);
    }
    memset(&common_key, 0x55, sizeof common_key);
    memset(&common_result, 0x55, sizeof common_result);
    int err = parse_frame(exact, size, 1, &key, &result);
    int twin_err = oracle_parse(exact, size, 1, &twin_key, &twin_result);
    bool is_common = parse_common(exact, size, 1, &common_key, &common_result);
    bool same = err == twin_err && (err == 0 || !is_common);
    if (same && err == 0) {
        same = are_same(&key, &result, &twin_key, &twin_result) &&
               (!is_common || are_same(&common_key, &common_result, &twin_key, &twin_result));
    }
    free(exact);
    return same;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t longer = size < 2 ? 0 : (size_t)data[size - 2] << 8 | data[size - 1];
    if (!agrees(data, size, size) || (longer > size && !agrees(data, size, longer))) {
        abort();
    }
    return 0;
}
