/* The law of the flow syntax: match_parse(match_format(m)) is m, for every match that match_check() accepts.
 *
 * And its other half: text that is changed at random is either refused or means a match that obeys the law. Port names go through
 * a resolver that gives out awkward names. BUSBAR_SEED replays a run.
 */
#include "lib/flow/match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "tests/oracle/match.h"

enum { ROUNDS = 20000 };

static const char *const port_names[] = {"eth0", "veth-a", "LOCAL", "7", "a,b", "x=y", "p 1", "tcp", "in_port"};
enum { PORT_NAMES = sizeof port_names / sizeof port_names[0] };

static const char *by_number(const void *context, uint32_t ofport)
{
    return ofport % 2 == 0 && ofport / 2 < PORT_NAMES ? port_names[ofport / 2] : NULL;
}

static bool by_name(const void *context, const char *name, uint32_t *out_ofport)
{
    for (uint32_t i = 0; i < PORT_NAMES; i++) {
        if (strcmp(name, port_names[i]) == 0) {
            *out_ofport = i * 2;
            return true;
        }
    }
    return false;
}

static const struct match_ports ports = {.by_name = by_name, .by_number = by_number};

static void assert_law(const struct match *match)
{
    struct match again;
    struct error_detail detail = {{0}};
    char *text = match_format(match, &ports);
    int err = match_parse(text, &ports, &again, &detail);
    if (err != 0 || !match_equal(match, &again)) {
        char *second = err == 0 ? match_format(&again, &ports) : NULL;
        print_error("\"%s\": %s, read as \"%s\"\n", text, detail.text, second != NULL ? second : "");
        free(second);
    }
    assert_int_equal(err, 0);
    assert_true(match_equal(match, &again));
    free(text);
}

static uint64_t seed(void)
{
    const char *text = getenv("BUSBAR_SEED");
    uint64_t value = text != NULL ? strtoull(text, NULL, 0) : random_start_number();
    print_message("seed %llu\n", (unsigned long long)value);
    return value;
}

static void a_match_written_and_read_is_the_match(void **state)
{
    struct random random;
    unsigned used[FIELD_COUNT] = {0};
    random_seed(&random, seed());
    for (int i = 0; i < ROUNDS; i++) {
        struct match match = match_random(&random);
        struct error_detail detail = {{0}};
        if (random_below(&random, 3) == 0) {
            match_set(&match, FIELD_IN_PORT, field_value_u64(random_below(&random, 2 * PORT_NAMES + 2)));
        }
        if (match_check(&match, &detail) != 0) {
            print_error("the generator made what the check refuses: %s\n", detail.text);
            fail();
        }
        assert_law(&match);
        for (unsigned k = 0; k < FIELD_COUNT; k++) {
            used[k] += !field_value_is_zero(field_get((enum field_id)k, &match.mask));
        }
    }
    for (unsigned k = 0; k < FIELD_COUNT; k++) {
        assert_true(used[k] > 20 || k == FIELD_PACKET_TYPE); /* else the generator never made this field; that one goes with no header */
    }
}

static void changed_text_is_refused_or_obeys_the_law(void **state)
{
    static const char letters[] = ",=/:.+-|[]\"*x0123456789abcdefipt _";
    struct random random;
    unsigned accepted = 0;
    unsigned refused = 0;
    random_seed(&random, seed());
    for (int i = 0; i < ROUNDS; i++) {
        struct match match = match_random(&random);
        struct match read;
        char *text = match_format(&match, &ports);
        size_t size = strlen(text);
        for (uint64_t k = random_below(&random, 4); k > 0 && size > 0; k--) {
            size_t where = random_below(&random, size);
            if (random_below(&random, 2) == 0) {
                text[where] = letters[random_below(&random, sizeof letters - 1)];
            } else {
                memmove(text + where, text + where + 1, size - where);
                size--;
            }
        }
        if (match_parse(text, &ports, &read, NULL) == 0) {
            assert_law(&read);
            accepted++;
        } else {
            refused++;
        }
        free(text);
    }
    assert_true(accepted > ROUNDS / 100 && refused > ROUNDS / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_match_written_and_read_is_the_match),
        cmocka_unit_test(changed_text_is_refused_or_obeys_the_law),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
