/* From a decoded message to its handler. One thread. */
#ifndef BUSBAR_OFAGENT_DISPATCH_H
#define BUSBAR_OFAGENT_DISPATCH_H

#include "services/ofagent/session.h"

/* The request as it came, for errors and for what is answered later. */
struct request {
    const uint8_t *bytes;
    size_t size;
};

/* A handler answers through session_send(), or returns the error to answer. */
typedef enum of_error_number handler(struct session *session, struct of_message *message, const struct request *request);

/* Hands the message to its handler and sends the error it returns. The message stays the caller's. */
void dispatch(struct session *session, struct of_message *message, const uint8_t *bytes, size_t size);

/* on_switch.c */
handler on_echo_request, on_echo_reply, on_error, on_features_request, on_get_config_request, on_set_config, on_experimenter;
/* on_flow.c */
handler on_flow_mod, on_barrier_request;
/* on_group.c */
handler on_group_mod, on_meter_mod, on_table_mod;
/* on_packet.c */
handler on_packet_out, on_resume;
/* on_port.c */
handler on_port_mod, on_queue_get_config_request;
void port_wishes_destroy(struct port_wish **wishes);
enum of_error_number port_mod_check(const struct session *session, const struct of_port_mod *mod);
/* Port_mods that were checked, in one transaction: the first add makes it, sending takes it. `error`: to the request, if configdb refuses. */
struct port_batch;
void port_batch_add(struct session *session, const struct of_port_mod *mod, struct port_batch **batch);
void port_batch_send(struct session *session, struct port_batch **batch, const struct request *request, enum of_error_number error);
/* on_role.c */
handler on_role_request, on_get_async_request, on_set_async;
/* on_multipart.c */
handler on_multipart_request;
/* on_nicira.c */
handler on_set_flow_format, on_flow_mod_table_id, on_set_packet_in_format, on_flow_age, on_set_controller_id;
/* bundle.c */
handler on_bundle_control, on_bundle_add;
/* monitor.c */
handler on_flow_monitor_cancel;

struct flow_mod_context;
/* Would this packet-out be carried out? */
enum of_error_number on_packet_out_check(const struct of_packet_out *out, const struct flow_mod_context *context);

#endif
