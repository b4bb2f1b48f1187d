/* Transactions from bytes.
 *
 *   1a 4c │ 08 01 │ 10 0a │ 18 80 80 ... │ 22 40 ...      an operation: kind, table, id, value
 *   │  └ its size                             └ 64 bytes of a row
 *   └ field 3: an operation; all other fields are the head
 *
 * Why: a bundle of rules is thousands of operations of four fields. protobuf-c takes four walks and three allocations for each. Here all
 * operations of a message stand in one array, and their rows in a copy of the message as a whole: what was received may lie in a block that is much
 * larger than the transaction and must not be held as long as that waits. The head, and operations with other fields than these four, are left
 * to protobuf-c, so what is a transaction and what is not it alone says.
 *
 * Cost: 30 ns an operation. Input: foreign bytes. Twin: protobuf-c, in the test.
 */
#include "services/configdb/transact.h"

#include <string.h>

#include "lib/msg/wire.h"
#include "services/configdb/txn.h"

enum { TRANSACT_OPS = 3 };
enum { TAG_BYTES_MAX = 5, LENGTH_BYTES_MAX = 5 /* that protobuf-c takes, however small the number */ };
enum { FIELD_8_BYTES = 1, FIELD_4_BYTES = 5 /* types that no field of a transaction has, but those of later versions may */ };
enum { OP_KIND = 1, OP_TABLE = 2, OP_ID = 3, OP_VALUE = 4 };

struct transact_field {
    struct reader whole, inner; /* with its tag; of an operation without its length */
    bool is_op;
};

/* Fields may come in any order and any number of times: the last one counts. False: there is something else in it, or nothing that can be read. */
static bool transact_op_fields(struct reader r, Busbar__Op *op)
{
    while (r.pos < r.end) {
        uint64_t tag = wire_number(&r), number = 0;
        if (tag == wire_tag(OP_VALUE, WIRE_BYTES)) {
            struct reader value = wire_bytes(&r);
            op->value = (ProtobufCBinaryData){.len = reader_left(&value), .data = (uint8_t *)(uintptr_t)value.pos}; /* nobody writes there */
        } else if (tag == wire_tag(OP_KIND, WIRE_NUMBER) && (number = wire_number(&r)) <= INT32_MAX) {
            op->kind = (Busbar__OpKind)number;
        } else if (tag == wire_tag(OP_TABLE, WIRE_NUMBER) && (number = wire_number(&r)) <= UINT32_MAX) {
            op->table = (uint32_t)number;
        } else if (tag == wire_tag(OP_ID, WIRE_NUMBER)) {
            op->id = wire_number(&r);
        } else {
            return false;
        }
        if (r.failed) {
            return false;
        }
    }
    return true;
}

/* A number in any form, also with more bytes than it needs. */
static uint64_t transact_number(struct reader *r, size_t bytes_max)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes_max && r->pos < r->end; i++) {
        uint8_t byte = *r->pos++;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            return value;
        }
    }
    r->failed = true;
    return 0;
}

/* The next field. False: there is none, for protobuf-c neither. */
static bool transact_next(struct reader *r, struct transact_field *out)
{
    const uint8_t *from = r->pos;
    uint64_t tag = transact_number(r, TAG_BYTES_MAX), size = 0;
    *out = (struct transact_field){.is_op = tag == wire_tag(TRANSACT_OPS, WIRE_BYTES)};
    if ((tag & 7) == WIRE_NUMBER) {
        (void)transact_number(r, WIRE_NUMBER_MAX);
    } else if ((tag & 7) == WIRE_BYTES) {
        size = transact_number(r, LENGTH_BYTES_MAX);
    } else if ((tag & 7) == FIELD_8_BYTES || (tag & 7) == FIELD_4_BYTES) {
        size = (tag & 7) == FIELD_8_BYTES ? 8 : 4;
    } else {
        return false;
    }
    if (r->failed || size > reader_left(r)) {
        return false;
    }
    out->inner = (struct reader){.pos = r->pos, .end = r->pos + size};
    r->pos += size;
    out->whole = (struct reader){.pos = from, .end = r->pos};
    return true;
}

/* What is no operation, packed, and how many are. False: the message cannot be read. */
static bool transact_head(struct reader r, struct writer *head, size_t *out_n_ops)
{
    struct transact_field field;
    *out_n_ops = 0;
    while (r.pos < r.end) {
        if (!transact_next(&r, &field)) {
            return false;
        }
        if (field.is_op) {
            (*out_n_ops)++;
        } else {
            writer_bytes(head, field.whole.pos, reader_left(&field.whole));
        }
    }
    return true;
}

/* The operations in one array, and one of pointers to them. False: one of them is none. */
static bool transact_ops(struct msg_arena *memory, struct reader r, size_t n, Busbar__Transact *message)
{
    Busbar__Op *ops = memory->allocator.alloc(memory, n * sizeof *ops);
    struct transact_field field;
    message->ops = memory->allocator.alloc(memory, n * sizeof(Busbar__Op *));
    while (message->n_ops < n && transact_next(&r, &field)) {
        if (!field.is_op) {
            continue;
        }
        Busbar__Op *op = &ops[message->n_ops];
        busbar__op__init(op);
        op = transact_op_fields(field.inner, op) ? op : busbar__op__unpack(&memory->allocator, reader_left(&field.inner), field.inner.pos);
        if (op == NULL) {
            return false;
        }
        message->ops[message->n_ops++] = op;
    }
    return true;
}

Busbar__Transact *transact_read(struct msg_arena *memory, const uint8_t *bytes, size_t size)
{
    struct writer head;
    size_t n_ops;
    writer_init(&head);
    bool is_read = transact_head(reader_of(bytes, size), &head, &n_ops);
    Busbar__Transact *message =
        is_read ? (Busbar__Transact *)msg_arena_unpack(memory, &busbar__transact__descriptor, head.bytes, head.size) : NULL;
    writer_fini(&head);
    if (message == NULL || n_ops == 0) {
        return message;
    }
    if (n_ops > TXN_OPS_MAX) {
        message->n_ops = n_ops;
        return message;
    }
    uint8_t *copy = memory->allocator.alloc(memory, size);
    memcpy(copy, bytes, size);
    return transact_ops(memory, reader_of(copy, size), n_ops, message) ? message : NULL;
}
