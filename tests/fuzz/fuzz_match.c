/* Flow syntax: any text is refused with a reason, or accepted; then what match_format() writes is read as the same match.
 *
 * Accepted text passes match_check() by itself; that is asserted too.
 */
#include <stdlib.h>

#include "lib/flow/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct match match, again;
    struct error_detail detail = {{0}};
    char *text = malloc(size + 1);

    if (text == NULL) {
        return 0;
    }
    if (size != 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    int err = match_parse(text, NULL, &match, &detail);
    free(text);
    if (err != 0) {
        if (detail.text[0] == '\0') {
            abort();
        }
        return 0;
    }
    char *written = match_format(&match, NULL);
    if (match_check(&match, NULL) != 0 || match_parse(written, NULL, &again, NULL) != 0 || !match_equal(&match, &again)) {
        abort();
    }
    free(written);
    return 0;
}
