/* Ports in memory, for unit tests and the simulator: frames are put in and taken out by the test. */
#ifndef BUSBAR_FASTPATH_IO_MEM_H
#define BUSBAR_FASTPATH_IO_MEM_H

#include "services/fastpath/io.h"

enum { IO_MEM_QUEUE = 4096 /* frames each way: more than any test's burst */ };

/* All devices of one machine by name. */
struct io_mem;
struct io_mem *io_mem_new(void);
void io_mem_destroy(struct io_mem **mem);
/* An interface appears or vanishes; names are up to 15 bytes. */
void io_mem_add(struct io_mem *mem, const char *name);
void io_mem_remove(struct io_mem *mem, const char *name);
struct io_factory io_mem_factory(struct io_mem *mem);

/* As if it came in on the wire. False when the queue is full or nobody has opened the device. */
bool io_mem_put(struct io_mem *mem, const char *name, const void *bytes, size_t size);
/* The next frame that was sent; returns its size, or 0. Copies at most `room` bytes. */
size_t io_mem_get(struct io_mem *mem, const char *name, void *bytes, size_t room);
/* How many frames tx() takes from now on before its ring is full; UINT32_MAX: any number. */
void io_mem_set_tx_room(struct io_mem *mem, const char *name, uint32_t room);

#endif
