#include "support/certificate.hpp"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

namespace capstan::test {
namespace {

template <class T>
T* made(T* object) {
    if (object == nullptr) {
        throw std::runtime_error("OpenSSL makes no certificate");
    }
    return object;
}

void add_extension(X509* certificate, int kind, std::string const& value) {
    auto* const extension = made(X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()));
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

std::unique_ptr<X509, decltype(&X509_free)> sign(EVP_PKEY* key,
                                                 std::string const& name,
                                                 std::string const& names,
                                                 std::chrono::seconds ends_in) {
    std::unique_ptr<X509, decltype(&X509_free)> certificate(made(X509_new()), X509_free);
    auto* const x509 = certificate.get();
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -7L * 86'400);
    X509_gmtime_adj(X509_getm_notAfter(x509), static_cast<long>(ends_in.count()));
    X509_set_pubkey(x509, key);
    auto* const subject = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(subject,
                               "CN",
                               MBSTRING_ASC,
                               reinterpret_cast<unsigned char const*>(name.c_str()),
                               -1,
                               -1,
                               0);
    X509_set_issuer_name(x509, subject);
    add_extension(x509, NID_subject_alt_name, names);
    add_extension(x509, NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(x509, key, EVP_sha256());
    return certificate;
}

template <class Write>
void write_pem(std::string const& path, Write write) {
    std::unique_ptr<std::FILE, decltype(&std::fclose)> file(made(std::fopen(path.c_str(), "w")),
                                                            &std::fclose);
    if (write(file.get()) != 1) {
        throw std::runtime_error("cannot write " + path);
    }
}

}  // namespace

CertificateFiles make_certificate(std::filesystem::path const& directory,
                                  std::string const& name,
                                  std::string const& names,
                                  std::chrono::seconds ends_in) {
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> const key(made(EVP_EC_gen("P-256")),
                                                                  EVP_PKEY_free);
    auto const certificate = sign(key.get(), name, names, ends_in);
    CertificateFiles files{(directory / (name + ".pem")).string(),
                           (directory / (name + ".key")).string()};
    write_pem(files.certificate,
              [&](std::FILE* file) { return PEM_write_X509(file, certificate.get()); });
    write_pem(files.key, [&](std::FILE* file) {
        return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    return files;
}

}  // namespace capstan::test
