/* Key files: written once, read at start.
 *
 * Why a format of our own and not czmq's: four lines that say what they are need no library (libczmq is not used, lib/bus/README.md), and the
 * role does not belong in the file: what a key may do is said by configdb and can be taken back there.
 * The input is foreign text: one bounded read, each line is one of three known ones, given once; the halves must belong together. The secret is
 * wiped from the buffers it passed through. Any thread; costs one scalar multiplication.
 */
#include "lib/bus/key_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

bool key_text_is_valid(const char *text)
{
    uint8_t bytes[KEY_TEXT_SIZE * 4 / 5];
    return strlen(text) == KEY_TEXT_SIZE && zmq_z85_decode(bytes, text) != NULL;
}

bool key_name_is_valid(const char *name)
{
    size_t size = strlen(name);
    bool is_good = size > 0 && size <= KEY_NAME_MAX;
    for (const char *c = name; *c != '\0' && is_good; c++) {
        is_good = isascii((unsigned char)*c) && (isalnum((unsigned char)*c) || *c == '.' || *c == '_' || *c == '-');
    }
    return is_good;
}

int key_pair_make(const char *name, struct key_pair *out_pair)
{
    struct key_pair pair = {{0}};
    if (!key_name_is_valid(name)) {
        return -ERROR_SYNTAX;
    }
    do { /* a public key is a word of command lines, where a dash in front would make it an option */
        if (zmq_curve_keypair(pair.public_key, pair.secret_key) != 0) {
            return -ERROR_UNSUPPORTED;
        }
    } while (pair.public_key[0] == '-');
    snprintf(pair.name, sizeof pair.name, "%s", name);
    *out_pair = pair;
    return 0;
}

/* One "word: value" of the file into its place. */
static int take_line(const char *what, unsigned number, char *line, struct key_pair *pair, struct error_detail *detail)
{
    const struct {
        const char *word;
        char *place;
        size_t room;
        bool (*is_valid)(const char *text);
        const char *wanted;
    } words[] = {
        {"name: ", pair->name, sizeof pair->name, key_name_is_valid, "a name of 1 to 63 letters, digits, '.', '_' and '-'"},
        {"public: ", pair->public_key, sizeof pair->public_key, key_text_is_valid, "a key of 40 characters"},
        {"secret: ", pair->secret_key, sizeof pair->secret_key, key_text_is_valid, "a key of 40 characters"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = strlen(words[i].word);
        if (strncmp(line, words[i].word, length) != 0) {
            continue;
        }
        if (words[i].place[0] != '\0') {
            return error_set(detail, -ERROR_DUPLICATE, "%s, line %u: \"%s\" is given twice", what, number, words[i].word);
        }
        if (!words[i].is_valid(line + length)) {
            return error_set(detail, -ERROR_SYNTAX, "%s, line %u: what follows \"%s\" is not %s", what, number, words[i].word,
                             words[i].wanted);
        }
        snprintf(words[i].place, words[i].room, "%s", line + length);
        return 0;
    }
    return error_set(detail, -ERROR_SYNTAX,
                     "%s, line %u: is none of \"name: \", \"public: \", \"secret: \" or a comment with #", what, number);
}

static int take_lines(const char *what, char *text, struct key_pair *pair, struct error_detail *detail)
{
    int err = 0;
    unsigned number = 1;
    for (char *line = text; err == 0 && *line != '\0'; number++) {
        size_t size = strcspn(line, "\n");
        bool is_last = line[size] == '\0';
        line[size] = '\0';
        if (line[0] != '#' && line[0] != '\0') {
            err = take_line(what, number, line, pair, detail);
        }
        line += is_last ? size : size + 1;
    }
    return err;
}

static int check_pair(const char *what, bool wants_secret, const struct key_pair *pair, struct error_detail *detail)
{
    char of_secret[KEY_TEXT_SIZE + 1];
    if (pair->name[0] == '\0' || pair->public_key[0] == '\0') {
        return error_set(detail, -ERROR_SYNTAX, "%s: no key of Busbar (\"%s\" is missing)", what,
                         pair->name[0] == '\0' ? "name: " : "public: ");
    }
    if (wants_secret && pair->secret_key[0] == '\0') {
        return error_set(detail, -ERROR_SYNTAX, "%s: has no secret; the file without .pub is wanted", what);
    }
    if (pair->secret_key[0] != '\0' &&
        (zmq_curve_public(of_secret, pair->secret_key) != 0 || strcmp(of_secret, pair->public_key) != 0)) {
        return error_set(detail, -ERROR_SYNTAX, "%s: its public and its secret key do not belong together", what);
    }
    return 0;
}

int key_file_parse(const char *what, const char *text, bool wants_secret, struct key_pair *out_pair,
                   struct error_detail *detail)
{
    char copy[KEY_FILE_MAX + 1];
    struct key_pair pair = {{0}};
    if (strlen(text) > KEY_FILE_MAX) {
        return error_set(detail, -ERROR_TOO_LARGE, "%s: is longer than a key file can be", what);
    }
    snprintf(copy, sizeof copy, "%s", text);
    int err = take_lines(what, copy, &pair, detail);
    if (err == 0) {
        err = check_pair(what, wants_secret, &pair, detail);
    }
    if (err == 0) {
        *out_pair = pair;
    }
    explicit_bzero(copy, sizeof copy);
    explicit_bzero(&pair, sizeof pair);
    return err;
}

static int check_owner(const char *path, const struct stat *status, struct error_detail *detail)
{
    if ((status->st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return error_set(detail, -EPERM,
                         "%s: others than its owner may use this key (chmod 600 it, or make a new one if they did)", path);
    }
    if (status->st_uid != geteuid() && status->st_uid != 0) {
        return error_set(detail, -EPERM, "%s: belongs to another user", path);
    }
    return 0;
}

static int read_file(const char *path, bool is_secret, struct key_pair *out_pair, struct error_detail *detail)
{
    char text[KEY_FILE_MAX + 2];
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us up */
    if (fd < 0 || fstat(fd, &status) != 0) {
        int err = -errno;
        if (fd >= 0) {
            close(fd);
        }
        return error_set(detail, err, "%s: %s", path, error_text(err));
    }
    int err = S_ISREG(status.st_mode) ? 0 : error_set(detail, -EINVAL, "%s: is no file", path);
    if (err == 0 && is_secret) {
        err = check_owner(path, &status, detail);
    }
    ssize_t n = err == 0 ? read(fd, text, sizeof text - 1) : 0;
    if (n < 0) {
        err = error_set(detail, -errno, "%s: %s", path, error_text(errno));
    }
    close(fd);
    if (err != 0 || n < 0) {
        return err;
    }
    text[n] = '\0';
    if (strlen(text) != (size_t)n) {
        err = error_set(detail, -ERROR_SYNTAX, "%s: is no text", path);
    } else {
        err = key_file_parse(path, text, is_secret, out_pair, detail);
    }
    explicit_bzero(text, sizeof text);
    return err;
}

int key_file_read(const char *path, struct key_pair *out_pair, struct error_detail *detail)
{
    return read_file(path, true, out_pair, detail);
}

static int write_new(const char *path, mode_t mode, const char *text, struct error_detail *detail)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        int err = -errno;
        return error_set(detail, err, "%s: %s", path, error_text(err));
    }
    size_t size = strlen(text);
    int err =
        fchmod(fd, mode) == 0 && write(fd, text, size) == (ssize_t)size && fsync(fd) == 0 ? 0 : -(errno != 0 ? errno : EIO);
    close(fd);
    if (err != 0) {
        (void)unlink(path);
        return error_set(detail, err, "%s: %s", path, error_text(err));
    }
    return 0;
}

int key_file_write(const char *path, const struct key_pair *pair, struct error_detail *detail)
{
    char text[KEY_FILE_MAX], public_path[PATH_MAX];
    if (snprintf(public_path, sizeof public_path, "%s.pub", path) >= (int)sizeof public_path) {
        return error_set(detail, -ENAMETOOLONG, "%s: %s", path, error_text(ENAMETOOLONG));
    }
    snprintf(text, sizeof text, "# Busbar key: whoever has the secret is this key\nname: %s\npublic: %s\nsecret: %s\n",
             pair->name, pair->public_key, pair->secret_key);
    int err = write_new(path, 0600, text, detail);
    explicit_bzero(text, sizeof text);
    if (err != 0) {
        return err;
    }
    snprintf(text, sizeof text, "# Busbar key, the half that others may know\nname: %s\npublic: %s\n", pair->name,
             pair->public_key);
    err = write_new(public_path, 0644, text, detail);
    if (err != 0) {
        (void)unlink(path);
    }
    return err;
}

int key_public_of(const char *word, char out_public_key[KEY_TEXT_SIZE + 1], struct error_detail *detail)
{
    struct key_pair pair = {{0}};
    if (!key_text_is_valid(word) || access(word, F_OK) == 0) {
        int err = read_file(word, false, &pair, detail);
        if (err != 0) {
            return err;
        }
        word = pair.public_key;
    }
    snprintf(out_public_key, KEY_TEXT_SIZE + 1, "%s", word);
    explicit_bzero(pair.secret_key, sizeof pair.secret_key);
    return 0;
}
