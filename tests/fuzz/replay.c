/* Runs a fuzz target over the files of a folder, for builds without libFuzzer.
 *
 * An empty or missing folder is a failure: a replay that replays nothing proves nothing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_LIMIT = 1 << 20 };

static int replay_file(const char *folder, const char *name)
{
    char path[4096];
    uint8_t *bytes = malloc(FILE_LIMIT);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (bytes == NULL || file == NULL) {
        perror(path);
        free(bytes);
        return 1;
    }
    size_t size = fread(bytes, 1, FILE_LIMIT, file);
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return 0;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    unsigned files = 0;
    int failed = 0;
    if (folder == NULL) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] != '.') {
            failed |= replay_file(argv[1], entry->d_name);
            files++;
        }
    }
    closedir(folder);
    printf("%u files\n", files);
    return failed != 0 || files == 0;
}
