/* Certificates for tests of TLS, made when they are needed: authorities and what they sign, as PEM files in a directory of the test's own. */
#ifndef BUSBAR_TESTS_OFAGENT_CERTIFICATES_H
#define BUSBAR_TESTS_OFAGENT_CERTIFICATES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/base/memory.h"

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
};

static inline X509 *certificate_of(EVP_PKEY *subject, const char *name, const struct authority *signer, bool is_ca)
{
    static long serial;
    X509 *x = X509_new();
    X509_NAME *title = X509_NAME_new();
    X509_EXTENSION *basic = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "CA:FALSE");

    assert_int_equal(X509_NAME_add_entry_by_txt(title, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0), 1);
    assert_int_equal(X509_set_version(x, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), -3600));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), 86400));
    assert_int_equal(X509_set_pubkey(x, subject), 1);
    assert_int_equal(X509_set_subject_name(x, title), 1);
    assert_int_equal(X509_set_issuer_name(x, signer->certificate != NULL ? X509_get_subject_name(signer->certificate) : title), 1);
    assert_int_equal(X509_add_ext(x, basic, -1), 1);
    assert_true(X509_sign(x, signer->key, EVP_sha256()) > 0);
    X509_EXTENSION_free(basic);
    X509_NAME_free(title);
    return x;
}

static inline struct authority authority_new(const char *name)
{
    struct authority ca = {.key = EVP_EC_gen("P-256")};
    ca.certificate = certificate_of(ca.key, name, &ca, true);
    return ca;
}

static inline void authority_free(struct authority *ca)
{
    EVP_PKEY_free(ca->key);
    X509_free(ca->certificate);
}

static inline FILE *certificates_open(const char *dir, const char *name, const char *suffix)
{
    char *path = memory_format("%s/%s%s", dir, name, suffix);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    free(path);
    return file;
}

/* DIR/NAME.ca */
static inline void authority_write(const struct authority *ca, const char *dir, const char *name)
{
    FILE *file = certificates_open(dir, name, ".ca");
    assert_int_equal(PEM_write_X509(file, ca->certificate), 1);
    fclose(file);
}

/* DIR/NAME.key and DIR/NAME.crt, with the authority's certificate behind it when it `shows` that. */
static inline void certificate_write(const struct authority *ca, const char *dir, const char *name, bool shows)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = certificate_of(key, name, ca, false);
    FILE *file = certificates_open(dir, name, ".key");
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    file = certificates_open(dir, name, ".crt");
    assert_int_equal(PEM_write_X509(file, x), 1);
    assert_int_equal(shows ? PEM_write_X509(file, ca->certificate) : 1, 1);
    fclose(file);
    X509_free(x);
    EVP_PKEY_free(key);
}

static inline void certificates_remove(const char *dir)
{
    char *command = memory_format("rm -r %s", dir);
    assert_int_equal(system(command), 0);
    free(command);
}

#endif
