/* A key pair of CURVE (Curve25519) and its file.
 *
 *     # Busbar key: whoever has the secret is this key
 *     name: slowpath-1
 *     public: <40 characters of Z85>
 *     secret: <40 characters of Z85>
 *
 * The file is its owner's alone. Beside it lies FILE.pub, the same without the secret, for others.
 */
#ifndef BUSBAR_BUS_KEY_FILE_H
#define BUSBAR_BUS_KEY_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/error.h"

enum {
    KEY_TEXT_SIZE = 40,      /* 32 bytes in Z85 */
    KEY_NAME_MAX = 63,       /* letters, digits, '.', '_' and '-' */
    KEY_FILE_MAX = 4 * 1024, /* four lines and a long comment */
};

struct key_pair {
    char name[KEY_NAME_MAX + 1];
    char public_key[KEY_TEXT_SIZE + 1];
    char secret_key[KEY_TEXT_SIZE + 1]; /* "": only the public half is known */
};

/* 40 characters of Z85 that are 32 bytes. */
bool key_text_is_valid(const char *text);
bool key_name_is_valid(const char *name);

/* A new pair. -ERROR_UNSUPPORTED when libzmq was built without CURVE. */
int key_pair_make(const char *name, struct key_pair *out_pair) MUST_CHECK;
/* Reads text of a key file; `wants_secret`: a public half alone is refused. `what` names it in the detail. */
int key_file_parse(const char *what, const char *text, bool wants_secret, struct key_pair *out_pair,
                   struct error_detail *detail) MUST_CHECK;
/* Reads a pair. Refused (-EPERM) when others than its owner may read the file, or when the owner is neither we nor root. */
int key_file_read(const char *path, struct key_pair *out_pair, struct error_detail *detail) MUST_CHECK;
/* Makes PATH (mode 0600) and PATH.pub; -EEXIST: nothing is ever overwritten. */
int key_file_write(const char *path, const struct key_pair *pair, struct error_detail *detail) MUST_CHECK;
/* The public key that a word names: a key file (with or without its secret), or the 40 characters themselves. The file first: its path may be 40
 * characters long and look like a key. */
int key_public_of(const char *word, char out_public_key[KEY_TEXT_SIZE + 1], struct error_detail *detail) MUST_CHECK;

#endif
