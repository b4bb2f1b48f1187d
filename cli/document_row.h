/* Rows of configuration by their key, and which of their columns belong into a document. Shared by making and comparing. */
#ifndef BUSBAR_CLI_DOCUMENT_ROW_H
#define BUSBAR_CLI_DOCUMENT_ROW_H

#include "cli/view.h"

struct document_row {
    char *key; /* "br0"; of a controller "br0 tcp:..." */
    uint64_t id;
    const ProtobufCMessage *row; /* lent from the mirror */
};

/* All rows of the table, in id order. */
struct document_row *document_rows(struct client *client, enum cfg_table table, size_t *out_n);
void document_rows_free(struct document_row *rows, size_t n);
/* Of a row of the mirror. New text. */
char *document_key(struct client *client, enum cfg_table table, const ProtobufCMessage *row);

bool document_is_local(struct client *client, enum cfg_table table, const ProtobufCMessage *row);
/* Whether the column is part of a document at all, and whether this row has something to say there. */
bool document_names(const struct schema_setting *setting);
bool document_has(const struct schema_setting *setting, const ProtobufCMessage *row);
/* New reference. */
json_t *document_value(struct client *client, const struct schema_setting *setting, const ProtobufCMessage *row);
/* Under its name, or within its group. Takes the value over. */
void document_set(json_t *object, const struct schema_setting *setting, json_t *value);

#endif
