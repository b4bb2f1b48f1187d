/* Tests of services/ofagent/tls.c: what is missing is named, and files are read again when they change. The handshakes are in conn_tls.c. */
#include "services/ofagent/tls.h"

#include "tests/unit/services/ofagent/certificates.h"

#include <openssl/ssl.h>

struct place {
    char dir[32];
    char *key, *certificate, *ca;
    struct authority authority;
    struct tls *tls;
};

static int set_up(void **state)
{
    struct place *p = memory_zeroed(sizeof *p);

    (void)snprintf(p->dir, sizeof p->dir, "/tmp/tls-test-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    p->key = memory_format("%s/a.key", p->dir);
    p->certificate = memory_format("%s/a.crt", p->dir);
    p->ca = memory_format("%s/a.ca", p->dir);
    p->authority = authority_new("one");
    certificate_write(&p->authority, p->dir, "a", false);
    authority_write(&p->authority, p->dir, "a");
    p->tls = tls_new();
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;

    tls_destroy(&p->tls);
    tls_destroy(&p->tls);
    authority_free(&p->authority);
    certificates_remove(p->dir);
    free(p->key);
    free(p->certificate);
    free(p->ca);
    free(p);
    return 0;
}

/* Which context the next connection gets; NULL when there is none. */
static const SSL_CTX *context_of(struct place *p, bool is_server, struct error_detail *detail)
{
    SSL *ssl = NULL;
    const SSL_CTX *context = NULL;

    if (tls_begin(p->tls, 0, is_server, &ssl, detail) == 0) {
        context = SSL_get_SSL_CTX(ssl);
        SSL_free(ssl);
    }
    return context;
}

static void missing(struct place *p, const char *words)
{
    struct error_detail detail = {{0}};

    assert_null(context_of(p, false, &detail));
    if (strstr(detail.text, words) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", words, detail.text);
    }
}

static void what_is_not_set_or_not_there_is_named(void **state)
{
    struct place *p = *state;

    missing(p, "no private key is set");
    tls_configure(p->tls, p->key, NULL, p->ca, false);
    missing(p, "no certificate is set");
    tls_configure(p->tls, p->key, p->certificate, NULL, false);
    missing(p, "no CA certificate is set");
    tls_configure(p->tls, p->key, "/nowhere/b.crt", p->ca, false);
    missing(p, "certificate /nowhere/b.crt: No such file");
    tls_configure(p->tls, p->certificate, p->certificate, p->ca, false);
    missing(p, "private key /tmp/tls-test-");
    assert_int_equal(unlink(p->ca), 0);
    tls_configure(p->tls, p->key, p->certificate, p->ca, false);
    missing(p, "a.ca: No such file");
}

static void a_key_of_another_certificate_is_refused(void **state)
{
    struct place *p = *state;
    char *other = memory_format("%s/b.key", p->dir);

    certificate_write(&p->authority, p->dir, "b", false);
    tls_configure(p->tls, other, p->certificate, p->ca, false);
    missing(p, "key values mismatch");
    free(other);
}

static void files_are_read_again_only_when_they_change(void **state)
{
    struct place *p = *state;
    struct error_detail detail = {{0}};

    tls_configure(p->tls, p->key, p->certificate, p->ca, false);
    const SSL_CTX *first = context_of(p, true, &detail);
    assert_non_null(first);
    SSL_CTX_up_ref((SSL_CTX *)(uintptr_t)first); /* so that its address is not used again */
    assert_ptr_equal(context_of(p, false, &detail), first);
    assert_int_equal(unlink(p->key), 0);
    assert_int_equal(unlink(p->certificate), 0);
    certificate_write(&p->authority, p->dir, "a", true);
    const SSL_CTX *second = context_of(p, true, &detail);
    assert_non_null(second);
    assert_ptr_not_equal(second, first);
    SSL_CTX_free((SSL_CTX *)(uintptr_t)first);
}

static void without_a_ca_only_a_bootstrapping_client_may_begin(void **state)
{
    struct place *p = *state;
    struct error_detail detail = {{0}};

    assert_int_equal(unlink(p->ca), 0);
    tls_configure(p->tls, p->key, p->certificate, p->ca, true);
    assert_non_null(context_of(p, false, &detail));
    assert_null(context_of(p, true, &detail));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_not_set_or_not_there_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_of_another_certificate_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_are_read_again_only_when_they_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_ca_only_a_bootstrapping_client_may_begin, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
