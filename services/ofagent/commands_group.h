/* The commands of swctl on groups and meters; commands.c has the table. One thread. */
#ifndef BUSBAR_OFAGENT_COMMANDS_GROUP_H
#define BUSBAR_OFAGENT_COMMANDS_GROUP_H

#include <stddef.h>

struct control_call;

/* As struct control_command wants them; the context is the agent. */
void commands_group_mod(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments);
void commands_dump_groups(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments);
void commands_dump_group_stats(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments);
void commands_meter_mod(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments);
void commands_dump_meters(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments);
void commands_meter_stats(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments);

#endif
