/* Frames: no read outside, and the same key and offsets as the naive twin.
 *
 * The input is the frame, nothing else, so that captured frames are a corpus as they are.
 */
#include <stdlib.h>

#include "lib/flow/parse.h"
#include "tests/oracle/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flow_key key, twin_key;
    struct parse_result result, twin_result;
    uint8_t *exact = malloc(size != 0 ? size : 1); /* its own end is the frame's end */

    if (exact == NULL) {
        return 0;
    }
    if (size != 0) {
        memcpy(exact, data, size);
    }
    int err = parse_frame(exact, size, 1, &key, &result);
    int twin_err = oracle_parse(exact, size, 1, &twin_key, &twin_result);
    bool same = err == twin_err;
    if (same && err == 0) {
        same = memcmp(&key, &twin_key, sizeof key) == 0 && memcmp(&result, &twin_result, sizeof result) == 0;
    }
    free(exact);
    if (!same) {
        abort();
    }
    return 0;
}
