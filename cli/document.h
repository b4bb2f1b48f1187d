/* The whole configuration as one JSON document: made, and compared with what is there.
 *
 *     {"format": 1,
 *      "switch": {"other_config": {"flow-limit": 100000}},
 *      "bridge": [{"name": "br0", "fail_mode": "secure"}],
 *      "port": [{"name": "eth1", "bridge": "br0", "tag": 10, "ofport": 1}],
 *      "controller": [{"bridge": "br0", "target": "tcp:127.0.0.1:6653"}]}
 *
 * Rows are named, never numbered; tables stand in the order of lib/cfg/tables.def, rows sorted by their key, columns in the order of the
 * schema; what is not set is left out. One thread.
 */
#ifndef BUSBAR_CLI_DOCUMENT_H
#define BUSBAR_CLI_DOCUMENT_H

#include "cli/client.h"

enum { DOCUMENT_BYTES_MAX = 16 * 1024 * 1024 /* a hundred thousand ports */, DOCUMENT_FORMAT = 1 };

json_t *document_make(struct client *client);
/* One row a line, so that two files can be compared line by line. The caller's. */
char *document_text(const json_t *document);
/* Text of a file to a document. `name` of the file, for the detail, which names line and column. -ERROR_SYNTAX, -ERROR_TOO_LARGE. */
int document_parse(const char *name, const char *text, size_t size, json_t **out_document,
                   struct error_detail *detail) MUST_CHECK;

/* Adds to `txn` what brings the configuration to the document. is_whole: rows and settings that it does not name are removed (apply); else they
 * stay (import). out_changes: an array of {table, row, change: added | changed | removed, columns: {name: {from, to}}}.
 * `text` is where the document came from: errors name its line. */
int document_compare(struct client *client, const char *name, const char *text, const json_t *document, bool is_whole,
                     struct cfg_txn *txn, json_t **out_changes, struct error_detail *detail) MUST_CHECK;

#endif
