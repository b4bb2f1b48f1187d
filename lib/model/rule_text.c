/* Reads flow mods and filters in Open vSwitch's flow syntax, and writes rules as lines of dump-flows.
 *
 * What a line of dump-flows says beside the rule (duration, counters) is stepped over when read, so that a dump can be loaded again; what is
 * wrong is refused by name. Words that are neither are given to the match.
 * Control code, any thread, no state; cost linear in the text. Invariant: nothing is given out unless the whole text was understood.
 */
#include "lib/model/rule.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/memory.h"
#include "lib/model/action_check.h"
#include "lib/model/action_text.h"
#include "lib/model/word.h"

struct parse {
    const struct match_ports *ports;
    struct flow_mod mod;
    bool is_filter; /* of statistics requests: no flags, no timeouts */
    bool has_cookie, has_cookie_mask, has_priority, has_table;
    struct error_detail *detail;
};

static const struct flag_word {
    const char *name;
    enum rule_flag flag;
} flag_words[] = {
    {"send_flow_rem", RULE_SEND_FLOW_REM},       {"check_overlap", RULE_CHECK_OVERLAP},   {"reset_counts", RULE_RESET_COUNTS},
    {"no_packet_counts", RULE_NO_PACKET_COUNTS}, {"no_byte_counts", RULE_NO_BYTE_COUNTS},
};

static int parse_u16(struct parse *p, const struct word *word, uint16_t *out)
{
    uint64_t number = 0;
    int err = word_number(word->name, word->value, UINT16_MAX, &number, p->detail);
    if (err == 0) {
        *out = (uint16_t)number;
    }
    return err;
}

static int parse_table(struct parse *p, const struct word *word)
{
    uint64_t number = 0;
    bool takes_all = p->is_filter || p->mod.command == FLOW_MOD_DELETE || p->mod.command == FLOW_MOD_DELETE_STRICT;

    int err = word_number("table", word->value, UINT8_MAX, &number, p->detail);
    if (err == 0 && number > TABLE_MAX && !(number == TABLE_ALL && takes_all)) {
        err = error_set(p->detail, -ERROR_RANGE, "table: %s is not one of 0..%d", word->value, TABLE_MAX);
    }
    p->mod.table = (uint8_t)number;
    p->has_table = err == 0;
    return err;
}

static int parse_cookie(struct parse *p, const struct word *word)
{
    char *value = memory_string(word->value != NULL ? word->value : "");
    char *slash = strchr(value, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    int err = word_number("cookie", value, UINT64_MAX, &p->mod.cookie, p->detail);
    if (err == 0 && slash != NULL) {
        err = word_number("cookie mask", slash + 1, UINT64_MAX, &p->mod.cookie_mask, p->detail);
    }
    free(value);
    p->has_cookie = true;
    p->has_cookie_mask = slash != NULL;
    return err;
}

static int parse_out(struct parse *p, const struct word *word, bool is_group)
{
    uint64_t number = 0;

    if (!p->is_filter && p->mod.command != FLOW_MOD_DELETE && p->mod.command != FLOW_MOD_DELETE_STRICT) {
        return error_set(p->detail, -ERROR_REFUSED, "%s: is for deletions and dumps", word->name);
    }
    if (!is_group) {
        return action_text_parse_port(word->value != NULL ? word->value : "", p->ports, &p->mod.out_port, p->detail);
    }
    int err = word_number(word->name, word->value, UINT32_MAX, &number, p->detail);
    p->mod.out_group = (uint32_t)number;
    return err;
}

static bool is_statistic(const char *name)
{
    static const char *const names[] = {"duration", "n_packets", "n_bytes", "idle_age", "hard_age"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* 1: the word was the rule's own; 0: it is none of these. */
static int parse_rule_word(struct parse *p, const struct word *word)
{
    int err = 0;

    for (size_t i = 0; i < sizeof flag_words / sizeof flag_words[0]; i++) {
        if (strcmp(word->name, flag_words[i].name) == 0 && word->value == NULL) {
            p->mod.flags |= (uint16_t)flag_words[i].flag;
            return 1;
        }
    }
    if (strcmp(word->name, "priority") == 0) {
        err = parse_u16(p, word, &p->mod.priority);
        p->has_priority = true;
    } else if (strcmp(word->name, "idle_timeout") == 0) {
        err = parse_u16(p, word, &p->mod.idle_timeout_s);
    } else if (strcmp(word->name, "hard_timeout") == 0) {
        err = parse_u16(p, word, &p->mod.hard_timeout_s);
    } else if (strcmp(word->name, "importance") == 0) {
        err = parse_u16(p, word, &p->mod.importance);
    } else {
        return is_statistic(word->name) ? 1 : 0;
    }
    return err != 0 ? err : 1;
}

static int parse_word(struct parse *p, const struct word *word)
{
    if (strcmp(word->name, "table") == 0) {
        return parse_table(p, word);
    }
    if (strcmp(word->name, "cookie") == 0) {
        return parse_cookie(p, word);
    }
    if (strcmp(word->name, "out_port") == 0 || strcmp(word->name, "out_group") == 0) {
        return parse_out(p, word, word->name[4] == 'g');
    }
    int taken = p->is_filter ? 0 : parse_rule_word(p, word);
    if (taken != 0) {
        return taken > 0 ? 0 : taken;
    }
    return match_parse_field(&p->mod.match, word->name, word->value, p->ports, p->detail);
}

/* The words before "actions=". */
static int parse_words(struct parse *p, char *text)
{
    struct word word;
    int err;

    while ((err = word_next(&text, &word, p->detail)) > 0) {
        err = parse_word(p, &word);
        if (err != 0) {
            return err;
        }
    }
    return err != 0 ? err : match_check(&p->mod.match, p->detail);
}

static int parse_cookie_rules(struct parse *p)
{
    bool adds = !p->is_filter && p->mod.command == FLOW_MOD_ADD;
    bool filters = p->is_filter || p->mod.command == FLOW_MOD_DELETE || p->mod.command == FLOW_MOD_DELETE_STRICT;

    if (adds && p->has_cookie_mask) {
        return error_set(p->detail, -ERROR_REFUSED, "cookie: a rule that is added has no cookie mask");
    }
    if (filters && p->has_cookie && !p->has_cookie_mask) {
        return error_set(p->detail, -ERROR_REFUSED, "cookie: write cookie=%#" PRIx64 "/-1 to choose rules by it",
                         p->mod.cookie);
    }
    return 0;
}

/* Cuts "actions=..." off; NULL when there is none. The word begins the text or follows a separator. */
static char *cut_actions(char *text)
{
    for (char *found = strstr(text, "action"); found != NULL; found = strstr(found + 1, "action")) {
        size_t length = strncmp(found, "actions=", 8) == 0 ? 8 : strncmp(found, "action=", 7) == 0 ? 7 : 0;
        bool begins = found == text || strchr(", \t\r\n", found[-1]) != NULL;
        if (length > 0 && begins) {
            *found = '\0';
            return found + length;
        }
    }
    return NULL;
}

static int parse_actions(struct parse *p, const char *actions)
{
    struct flow_mod *mod = &p->mod;

    int err = action_text_parse_instructions(actions, p->ports, &mod->match, &mod->instructions, p->detail);
    if (err != 0) {
        return err;
    }
    return instructions_check(&mod->instructions, &mod->match, mod->table, TABLE_COUNT, p->detail) == ACTION_FAULT_NONE
               ? 0
               : -ERROR_REFUSED;
}

int flow_mod_parse(const char *text, enum flow_mod_command command, const struct match_ports *ports, struct flow_mod *out_mod,
                   struct error_detail *detail)
{
    struct parse p = {.ports = ports, .detail = detail};
    bool deletes = command == FLOW_MOD_DELETE || command == FLOW_MOD_DELETE_STRICT;
    char *copy = memory_string(text);
    char *actions = cut_actions(copy);

    flow_mod_init(&p.mod, command);
    int err = parse_words(&p, copy);
    if (err == 0) {
        err = parse_cookie_rules(&p);
    }
    if (err == 0 && p.has_priority && (command == FLOW_MOD_DELETE || command == FLOW_MOD_MODIFY)) {
        err = error_set(detail, -ERROR_REFUSED, "priority: chooses rules only with --strict");
    }
    if (err == 0 && deletes && actions != NULL) {
        err = error_set(detail, -ERROR_REFUSED, "actions: a deletion has none");
    }
    if (err == 0 && !deletes) {
        err = actions != NULL ? parse_actions(&p, actions) : error_set(detail, -ERROR_SYNTAX, "actions= is missing");
    }
    if (deletes && !p.has_table) {
        p.mod.table = TABLE_ALL;
    }
    free(copy);
    if (err != 0) {
        flow_mod_fini(&p.mod);
        return err;
    }
    *out_mod = p.mod;
    return 0;
}

int rule_filter_parse(const char *text, const struct match_ports *ports, struct rule_filter *out_filter,
                      struct error_detail *detail)
{
    struct parse p = {.ports = ports, .is_filter = true, .detail = detail};
    char *copy = memory_string(text);

    flow_mod_init(&p.mod, FLOW_MOD_DELETE);
    p.mod.table = TABLE_ALL;
    int err = parse_words(&p, copy);
    if (err == 0) {
        err = parse_cookie_rules(&p);
    }
    free(copy);
    if (err != 0) {
        return err;
    }
    *out_filter = (struct rule_filter){
        .match = p.mod.match,
        .cookie = p.mod.cookie,
        .cookie_mask = p.mod.cookie_mask,
        .out_port = p.mod.out_port,
        .out_group = p.mod.out_group,
        .table = p.mod.table,
    };
    return 0;
}

static void put_rule_head(FILE *stream, const struct rule *rule, const struct rule_stats *stats)
{
    fprintf(stream, " cookie=0x%" PRIx64 ", ", rule->cookie);
    if (stats != NULL) {
        fputs("duration=", stream);
        word_put_duration(stream, stats->duration_ns);
        fprintf(stream, ", table=%u, n_packets=%" PRIu64 ", n_bytes=%" PRIu64 ", ", rule->table, stats->n_packets,
                stats->n_bytes);
    } else {
        fprintf(stream, "table=%u, ", rule->table);
    }
    if (rule->idle_timeout_s != 0) {
        fprintf(stream, "idle_timeout=%u, ", rule->idle_timeout_s);
    }
    if (rule->hard_timeout_s != 0) {
        fprintf(stream, "hard_timeout=%u, ", rule->hard_timeout_s);
    }
    for (size_t i = 0; i < sizeof flag_words / sizeof flag_words[0]; i++) {
        if ((rule->flags & (unsigned)flag_words[i].flag) != 0) {
            fprintf(stream, "%s ", flag_words[i].name);
        }
    }
    if (rule->importance != 0) {
        fprintf(stream, "importance=%u, ", rule->importance);
    }
}

char *rule_format(const struct rule *rule, const struct rule_stats *stats, const struct match_ports *ports)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = memory_stream(&text, &size);
    char *match = match_format(&rule->match, ports);
    char *actions = instructions_format(&rule->instructions, ports);

    put_rule_head(stream, rule, stats);
    if (rule->priority != RULE_PRIORITY_DEFAULT) {
        fprintf(stream, "priority=%u%s", rule->priority, match[0] != '\0' ? "," : "");
    }
    bool has_space = rule->priority == RULE_PRIORITY_DEFAULT && match[0] == '\0';
    fprintf(stream, "%s%sactions=%s", match, has_space ? "" : " ", actions);
    fclose(stream);
    free(match);
    free(actions);
    return text;
}
